"""Reductions: reduce.h with reduction/*.h."""

import math

import numpy as np

from framework import FLOATS, INTEGERS, METAL, covers, decode, encode
from matrices import ints, strides
from values import EPSILON, complexes, floats, integers, outputs

WIDE = {"complex64": np.complex128}
FUNCTIONS = {"Sum": np.add, "Prod": np.multiply, "Min": np.minimum, "Max": np.maximum}
WIDER = {"uint8": "int32", "int8": "int32", "int16": "int32",
         "uint16": "uint32"}  # what MLX sums small integers in


def cases():
    """Operation, type of the input and of the result, as MLX's reduce.metal instantiates them."""
    for op in FUNCTIONS:
        for dtype in [*INTEGERS, *FLOATS, "complex64"]:
            yield op, dtype, WIDER.get(dtype, dtype) if op in ("Sum", "Prod") else dtype
    for op in ("And", "Or"):
        for dtype in ["bool", "int16", "int32", "int64", *FLOATS]:
            yield op, dtype, "bool"


def inputs(op, dtype, shape, which):
    """With NaN (which = 1) or infinity (which = 2) at one place, if the type has them."""
    size = math.prod(shape)
    if op in ("And", "Or"):
        true = np.arange(size) % 97 == 5
        x = encode(~true if op == "And" else true, dtype)
        if dtype in FLOATS and which == 1:
            x[size // 2] = encode([np.nan], dtype)[0]  # is true
        return x.reshape(shape)
    if op == "Prod" and dtype in EPSILON:  # exact products, in any order
        signs = np.random.default_rng(size).choice([-1.0, 1.0], size)
        signs[size // 3], signs[size // 5] = 2, -0.5
        x = encode(signs, dtype)
    elif dtype in FLOATS:
        x = floats(size, dtype, special=False)
    else:
        x = complexes(size) if dtype == "complex64" else integers(size, dtype)
    if dtype in FLOATS and which:
        x[size // 2] = encode([np.nan if which == 1 else np.inf], dtype)[0]
    if op == "Sum" and dtype == "complex64" and which:
        x[size // 2] = complex(np.nan if which == 1 else np.inf, 1)
    return x.reshape(shape)


def reduced(op, x, dtype, result, axis):
    """In NumPy, and how far a sum may be off: each element goes through at most 24 additions."""
    a = decode(x, dtype)
    if op in ("And", "Or"):
        return (np.all if op == "And" else np.any)(a != 0, axis=axis), 0.0
    wide = np.dtype(result) if dtype not in EPSILON else WIDE.get(dtype, np.float64)
    a = a.astype(wide)
    off = 0.0
    if op == "Sum" and dtype in EPSILON:
        off = 24 * EPSILON[dtype] * np.nan_to_num(np.abs(a), posinf=0).sum(axis)
    kind = {"dtype": wide} if op in ("Sum", "Prod") else {}
    return FUNCTIONS[op].reduce(a, axis=axis, **kind), off


class Reductions:
    """The kernels for one type of input: {operation: type of the result}."""

    FORMS = {
        "all": "all_reduce<{}>", "simple": "row_reduce_simple<{}>",
        "small": "row_reduce_small<{}, int, 1>", "looped": "row_reduce_looped<{}, int, 1>",
        "col_small": "col_reduce_small<{}, int, 1>",
        "col_long": "col_reduce_longcolumn<{}, int, 1>",
        "col_looped": "col_reduce_looped<{}, int, 1, 32, 32>",
        "col_2pass": "col_reduce_2pass<{}, int, 1, 32, 32>"
    }

    def __init__(self, run, dtype, results):
        self.run, self.dtype, self.results = run, dtype, results
        made = {}
        for op, result in results.items():
            u = METAL[result]
            made |= {
                op + form: text.format(f"{METAL[dtype]}, {u}, {op}<{u}>")
                for form, text in self.FORMS.items()
            }
            made[op + "init"] = f"init_reduce<{u}, {op}<{u}>>"
        self.library = run.library(made)

    def check(self, form, op, x, y, axis):
        name, result = self.FORMS[form].split("<")[0], self.results[op]
        wanted, off = reduced(op, x, self.dtype, result, axis)
        self.run.check(f"{name}<{op}>", self.dtype, x.shape,
                       decode(y, result).reshape(np.shape(wanted)), wanted, atol=off,
                       oracle="NumPy", special=self.dtype in FLOATS)

    def finish(self, op, parts):
        """What MLX's second pass makes of what the first has left."""
        result = self.results[op]
        values, _ = reduced(op, parts, result, result, 0)
        return encode(values, result)

    def whole(self, op):
        for at, size in enumerate((1, 128, 1003)):
            x, y = inputs(op, self.dtype, (size, ), at), outputs(1, self.results[op])
            self.library.kernel(op + "all")(x, y, size, size, threadgroups=1,
                                            threadgroup=-(-size // 128) * 32)
            self.check("all", op, x, y, 0)

    def rows(self, op):
        result = self.results[op]
        for at, shape in enumerate([(4, 64), (5, 129), (7, 403)]):
            x, y = inputs(op, self.dtype, shape, at), outputs(shape[0], result)
            self.library.kernel(op + "simple")(x, y, shape[1], shape[0],
                                               threadgroups=(1, -(-shape[0] // 4)),
                                               threadgroup=-(-shape[1] // 128) * 32)
            self.check("simple", op, x, y, 1)
        for at, shape in enumerate([(3, 6, 8), (4, 5, 7), (2, 3, 63)]):
            # The first and the last axis are reduced.
            x = inputs(op, self.dtype, shape, at)
            for form in ("small", "looped"):
                y = outputs(shape[1], result)
                sizes = {"grid": shape[1]} if form == "small" else {
                    "threadgroups": (1, shape[1]), "threadgroup": 32
                }
                self.library.kernel(op + form)(x, y, shape[2], shape[0], ints(shape[1]),
                                               strides(shape[2]), 1, ints(shape[0]),
                                               strides(shape[1] * shape[2]), 1, **sizes)
                self.check(form, op, x, y, (0, 2))

    def columns(self, op):
        """The middle axis is reduced; by two passes, if the outputs are few."""
        result = self.results[op]
        for at, shape in enumerate([(2, 8, 32), (3, 9, 37), (1, 70, 65)]):
            x = inputs(op, self.dtype, shape, at)
            blocks = -(-shape[2] // 4)
            wide = min(blocks, 32)
            sizes = {
                "col_small": ((-(-blocks // wide), shape[0]), (wide, 8)),
                "col_looped": ((-(-shape[2] // 32), shape[0]), 256)
            }
            for form, (groups, group) in sizes.items():
                y = outputs((shape[0], shape[2]), result)
                self.column(op + form, x, y, [0] if form == "col_looped" else [], groups, group)
                self.check(form, op, x, y, 1)
        for at, shape in enumerate([(1, 64, 8), (2, 71, 5), (1, 133, 3)]):
            x = inputs(op, self.dtype, shape, at)
            parts = outputs((4, shape[0], shape[2]), result)
            self.column(op + "col_long", x, parts, [shape[0] * shape[2]], (shape[0], 1, 4),
                        (shape[2], min(32, -(-shape[1] // 4))))
            self.check("col_long", op, x, self.finish(op, parts), 1)
        for at, shape in enumerate([(1, 64, 32), (1, 41, 5), (1, 1100, 3)]):
            x = inputs(op, self.dtype, shape, at)
            parts = outputs((32, shape[0], shape[2]), result)
            self.column(op + "col_2pass", x, parts, [0, shape[0]],
                        (-(-shape[2] // 32), 32 * shape[0]), 256)
            self.check("col_2pass", op, x, self.finish(op, parts), 1)

    def column(self, kernel, x, y, more, groups, group):
        before, length, after = x.shape
        self.library.kernel(kernel)(x, y, length, after, ints(before), strides(length * after), 1,
                                    ints(length), strides(after), 1, 1, *more, threadgroups=groups,
                                    threadgroup=group)

    def start(self, op):
        first = {"Sum": 0, "Prod": 1, "And": 1, "Or": 0}
        result = self.results[op]
        for size in (1, 8, 33):
            y = outputs(size, result)
            self.library.kernel(op + "init")(y, grid=size)
            if op in first:
                self.run.check(f"init_reduce<{op}>", self.dtype, [size], decode(y, result),
                               np.full(size, first[op]), oracle="the operation's neutral element")


@covers("reduce.h", "defines.h", "atomic.h", "reduction/ops.h")
def reductions(run):
    for dtype in METAL:
        each = Reductions(run, dtype, {op: result for op, kind, result in cases() if kind == dtype})
        for op in each.results:
            each.whole(op)
            each.rows(op)
            each.columns(op)
            each.start(op)
