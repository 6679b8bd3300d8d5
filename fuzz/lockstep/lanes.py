"""A threadgroup as the model has it: a number of each thread by name, who of them is there, and what those give together."""

import functools

import numpy as np

SHARED = 128  # numbers of threadgroup memory, as many as the largest threadgroup's simdgroups have lanes

# Metal of what the model has under the same name, as its library has it by several calls.
HEAD = """#include <metal_stdlib>
using namespace metal;
int simd_count(bool c) { return int(popcount(uint(ulong(simd_ballot(c))))); }
int simd_mask(bool c) { return int(uint(ulong(simd_ballot(c)))); }
int simd_lowest(int a) { return simd_shuffle(a, ushort(ctz(uint(ulong(simd_active_threads_mask()))))); }
int simd_highest(int a) { return simd_shuffle(a, ushort(31u - clz(uint(ulong(simd_ballot(true)))))); }
"""

# Of a group's values, of the lanes that are there: one number for all of these lanes, or one for each.
ALIKE = {
    "simd_sum": lambda a, lanes: a.sum(dtype=np.int32),
    "simd_max": lambda a, lanes: a.max(),
    "simd_min": lambda a, lanes: a.min(),
    "simd_xor": lambda a, lanes: np.bitwise_xor.reduce(a),
    "simd_broadcast_first": lambda a, lanes: a[0],
    "simd_lowest": lambda a, lanes: a[0],
    "simd_highest": lambda a, lanes: a[-1],
    "simd_any": lambda a, lanes: a.any(),
    "simd_all": lambda a, lanes: a.all(),
    "simd_count": lambda a, lanes: np.count_nonzero(a),
    "simd_mask": lambda a, lanes: sum(1 << int(lane) for lane in lanes[a != 0]) - (int(lanes[-1] == 31 and bool(a[-1])) << 32),
}
EACH = {
    "simd_prefix_exclusive_sum": lambda a, lanes: np.cumsum(a, dtype=np.int32) - a,
    "simd_prefix_inclusive_sum": lambda a, lanes: np.cumsum(a, dtype=np.int32),
    "simd_is_first": lambda a, lanes: np.arange(len(a)) == 0,
    "quad_sum": lambda a, lanes: a.sum(dtype=np.int32),
    "quad_max": lambda a, lanes: a.max(),
    "quad_broadcast_first": lambda a, lanes: a[0],
    "quad_any": lambda a, lanes: a.any(),
    "quad_all": lambda a, lanes: a.all(),
}


@functools.cache
def compiled(text):
    return compile(text, text, "eval")


class Lanes:
    """Expressions are texts that mean the same in Metal and in Python: on arrays, with an element for each thread."""

    def __init__(self, count, numbers, table):
        index = np.arange(count, dtype=np.int32)
        self.count, self.alive, self.there, self.counts = count, np.ones(count, bool), np.ones(count, bool), {}
        self.shared, self.waiting, self.index = np.zeros(SHARED, np.int32), {}, index
        self.numbers = {"lid": index, "lane": index % 32, "sg": index // 32, **numbers}
        self.names = {"b": table, "false": False, "true": True}
        for name, of in {**ALIKE, **EACH}.items():
            self.names[name] = functools.partial(self.together, of, 4 if name.startswith("quad") else 32)

    def nobody(self):
        return np.zeros(self.count, bool)

    def together(self, of, size, values=0):
        values, given = np.broadcast_to(values, self.count), np.zeros(self.count, np.int32)
        for begin in range(0, self.count, size):
            lanes = np.flatnonzero(self.there[begin:begin + size])
            if len(lanes):
                given[begin + lanes] = of(values[begin + lanes], lanes)
        return given

    def value(self, expression, there):
        """Of those who are there; the others' numbers mean nothing."""
        if not isinstance(expression, str):
            return expression.of(self, there)
        self.there = there
        return np.broadcast_to(np.asarray(eval(compiled(expression), self.names, self.numbers)), self.count)

    def where(self, condition, there):
        return there & (self.value(condition, there) != 0)

    def set(self, name, value, there):
        self.numbers[name] = np.where(there, value, self.numbers[name]).astype(np.int32)

    def is_awaited(self, labels):
        return not self.waiting.keys().isdisjoint(labels)
