"""Random Metal kernels whose result Metal defines: what it leaves open (order of float sums over lanes, values of inactive
lanes, conversions out of range) isn't generated, so that any difference from the oracle is somebody's mistake.

Every kernel has the same parameters (SIGNATURE); the seed decides its text, the sizes of its launch and its inputs.
"""

import random
from dataclasses import dataclass, replace

from tree import Node

INPUTS = 256  # elements of each input; a power of two
SLOTS = 6  # results of each kind that a thread leaves
COUNTERS = 16
TILE = 256  # elements of threadgroup arrays: as many as the largest threadgroup has threads

PROLOGUE = f"""#include <metal_stdlib>
using namespace metal;
#pragma METAL fp contract(off)

// On the host these words mark where lanes part and meet; to Metal they are its own.
#ifndef SIMD_IF
#define SIMD_IF(condition) if (condition)
#define SIMD_ELSE else
#define SIMD_END
#define SIMD_FOR(name, condition) for (int name = 0; condition; ++name)
#define SIMD_BREAK_IF(condition, up) if (condition) break;
#define SIMD_RETURN_IF(condition) if (condition) return;
#define TILE(type, name, count) threadgroup type name[count]
#endif

static int bits_of(float x) {{ return x != x ? 0x7fc00000 : as_type<int>(x); }}
static int to_int(float x) {{ return x > -1000000.0f && x < 1000000.0f ? int(x) : 77; }}
template <typename T> static T divide(T a, T b) {{ return b == T(0) || b == T(-1) ? a : T(a / b); }}
template <typename T> static T modulo(T a, T b) {{ return b == T(0) || b == T(-1) ? a : T(a % b); }}
struct Pair {{
  int first;
  float second;
  uint4 rest;
  int sum() const {{ return first + int(rest.x ^ rest.w); }}
  void turn(int by) {{ first = int(rotate(uint(first), uint(by & 31))); rest = rest.yzwx; }}
}};
template <typename T, int N> static T horner(thread const T* terms, T x) {{
  T result = T(0);
  for (int i = 0; i < N; ++i) result = T(result * x + terms[i]);
  return result;
}}
static void mix_into(thread int& a, thread uint& b, int by) {{
  a = int(uint(a) * 1664525u + b);
  b ^= uint(a + by) >> 7;
}}
"""

SIGNATURE = """kernel void fuzz(
    const device int* ints [[buffer(0)]],
    const device float* floats [[buffer(1)]],
    const device half* halves [[buffer(2)]],
    device int* out_ints [[buffer(3)]],
    device float* out_floats [[buffer(4)]],
    device atomic_uint* counters [[buffer(5)]],
    constant int& number [[buffer(6)]],
    uint3 in_grid [[thread_position_in_grid]],
    uint3 in_group [[thread_position_in_threadgroup]],
    uint3 group3 [[threadgroup_position_in_grid]],
    uint3 grid3 [[threads_per_grid]],
    uint3 size3 [[threads_per_threadgroup]],
    uint lid [[thread_index_in_threadgroup]],
    uint lane [[thread_index_in_simdgroup]],
    uint simdgroup [[simdgroup_index_in_threadgroup]],
    uint simdgroups [[simdgroups_per_threadgroup]])"""

WEIGHTED = ["int"] * 4 + ["uint"] * 4 + ["float"] * 4 + ["half"] * 2 + ["short", "ushort", "char", "uchar", "long", "ulong", "bool"]
BITS = {"char": 8, "uchar": 8, "short": 16, "ushort": 16, "int": 32, "uint": 32, "long": 64, "ulong": 64}


def element(type):
    return type[:-1] if type[-1] in "234" else type


def width(type):
    return int(type[-1]) if type[-1] in "234" else 1


def is_float(type):
    return element(type) in ("float", "half")


@dataclass(frozen=True)
class Context:
    """Where a statement stands."""

    variables: tuple = ()  # (name, type, may be assigned)
    depth: int = 0
    uniform: bool = True  # all threads of the threadgroup are here: barriers are allowed
    lockstep: bool = True  # lanes that aren't here are marked by SIMD_ words: simdgroup functions are allowed
    full: bool = True  # all lanes of the simdgroup are here
    loops: int = 0  # SIMD_ constructs between here and the innermost SIMD_FOR; 0: none
    in_loop: bool = False  # in a plain loop


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.names = 0
        self.tiles = []  # (name, type)
        self.grid, self.threadgroup = self.sizes()

    def sizes(self):
        pick = self.random.choice
        threadgroup = pick([(32, 1, 1), (64, 1, 1), (128, 1, 1), (96, 1, 1), (8, 8, 1), (16, 4, 1), (4, 4, 4), (32, 2, 1),
                            (16, 1, 1), (20, 1, 1), (5, 3, 2), (1, 1, 1), (48, 1, 1)])
        grid = tuple(size * pick([1, 1, 2, 3]) if side == 0 else size * pick([1, 1, 1, 2]) for side, size in enumerate(threadgroup))
        if self.random.random() < 0.3:
            grid = tuple(max(1, side - self.random.randrange(0, max(1, side // 3))) for side in grid)
        return grid, threadgroup

    @property
    def whole(self):
        """Every simdgroup has 32 threads, whichever threadgroup it is in."""
        size = self.threadgroup
        return all(g % s == 0 for g, s in zip(self.grid, size)) and size[0] * size[1] * size[2] % 32 == 0

    def name(self, stem):
        self.names += 1
        return f"{stem}{self.names}"

    def chance(self, p):
        return self.random.random() < p

    def type(self):
        type = self.random.choice(WEIGHTED)
        return type if type == "bool" or self.chance(0.65) else type + self.random.choice("234")

    # ---- expressions ----

    def expression(self, type, context, depth=3):
        made = self.expression_parts(type, context, depth)
        return Node("expression", made if isinstance(made, list) else [made], type)

    def expression_parts(self, type, context, depth):
        if depth <= 0 or self.chance(0.15):
            return self.leaf(type, context)
        if type == "bool":
            return self.boolean(context, depth)
        makers = [self.arithmetic] * 5 + [self.conversion, self.selection, self.function, self.function]
        if width(type) > 1:
            makers += [self.construction] * 2 + [self.swizzle] * 2
        else:
            makers += [self.component, self.helper]
        if context.lockstep and width(type) == 1 and depth >= 2 and self.chance(0.25):
            return self.simd(type, context, depth)
        return self.random.choice(makers)(type, context, depth)

    def leaf(self, type, context):
        known = [name for name, t, _ in context.variables if t == type]
        if known and self.chance(0.6):
            return self.random.choice(known)
        if width(type) > 1:
            return [f"{type}(", self.expression(element(type), context, 0), ")"]
        pick = self.random.choice
        if type == "bool":
            return pick(["((lid & 1u) != 0u)", "true", "false", "(lane < 7u)", "(in_grid.x > 5u)", "((number & 4) != 0)"])
        index = f"({pick(['lid', 'lane', 'in_grid.x', 'group3.x', 'in_group.y', 'uint(number)'])} * {self.random.randrange(1, 9)}u + {self.random.randrange(INPUTS)}u) & {INPUTS - 1}u"
        if type == "float":
            return pick([f"floats[{index}]", f"{self.random.randrange(-64, 64) / 8}f", "float(lid)", f"{self.random.choice(['1e-3f', '3.5e4f', '0.333f', '-0.0f', '1e-40f'])}"])
        if type == "half":
            return pick([f"halves[{index}]", f"half({self.random.randrange(-64, 64) / 8}f)", "half(lane)"])
        constants = ["0", "1", "2", "-1", "7", "63", "100", str(self.random.randrange(256)), str(self.random.randrange(1 << 31))]
        return pick([f"{type}(ints[{index}])", f"{type}({pick(constants)})", f"{type}({pick(['lid', 'lane', 'in_grid.x', 'group3.x', 'size3.x', 'simdgroup', 'simdgroups', 'grid3.x', 'number'])})"])

    def arithmetic(self, type, context, depth):
        a, b = (self.expression(type, context, depth - 1) for _ in range(2))
        if is_float(type):
            return [f"{type}(", a, self.random.choice([" + ", " - ", " * ", " / "]), b, ")"]
        kind = self.random.choice(["+", "-", "*", "&", "|", "^", "<<", ">>", "/", "%", "~", "-x"])
        if kind in ("<<", ">>"):
            amount = [f" {kind} {type}(", b, f" & {type}({BITS[element(type)] - 1})))"]
            return [f"{type}(", a, *amount]
        if kind in "/%":
            if width(type) > 1:
                return [f"{type}(", a, " ^ ", b, ")"]
            return ["divide" if kind == "/" else "modulo", f"<{type}>(", a, ", ", b, ")"]
        if kind == "~":
            return [f"{type}(~", a, ")"]
        if kind == "-x":
            return [f"{type}(-", a, ")"]
        return [f"{type}(", a, f" {kind} ", b, ")"]

    def boolean(self, context, depth):
        kind = self.random.randrange(5)
        if kind == 0:
            context = replace(context, lockstep=False)  # only some lanes get to the right side
            return ["(", self.expression("bool", context, depth - 1), self.random.choice([" && ", " || ", " != ", " == "]),
                    self.expression("bool", context, depth - 1), ")"]
        if kind == 1:
            return ["!", self.expression("bool", context, depth - 1)]
        if kind == 2:
            type = self.random.choice(["int", "uint", "float", "half", "short"]) + self.random.choice("234")
            a, b = (self.expression(type, context, depth - 1) for _ in range(2))
            return [self.random.choice(["any(", "all("]), a, self.random.choice([" < ", " > ", " == ", " != ", " <= "]), b, ")"]
        if kind == 3 and context.lockstep and self.chance(0.3):
            return [self.random.choice(["simd_any(", "simd_all("]), self.expression("bool", context, depth - 1), ")"]
        type = self.random.choice(["int", "uint", "float", "half", "char", "ushort", "long", "ulong"])
        a, b = (self.expression(type, context, depth - 1) for _ in range(2))
        return ["(", a, self.random.choice([" < ", " > ", " == ", " != ", " <= ", " >= "]), b, ")"]

    def conversion(self, type, context, depth):
        other = self.random.choice(["int", "uint", "float", "half", "short", "uchar", "long", "char"])
        if width(type) > 1:
            # Integers to anything; floats to floats: the rest may be out of range.
            if not is_float(type) and other in ("float", "half"):
                other = "uint"
            if element(type) == "half" and other in ("int", "uint", "long"):
                other = "short"
            return [f"{type}(", self.expression(f"{other}{width(type)}", context, depth - 1), ")"]
        inner = self.expression(other, context, depth - 1)
        if not is_float(type) and other in ("float", "half"):
            return [f"{type}(to_int(float(", inner, ")))"]
        if type == "int" and other == "float":
            return ["bits_of(", inner, ")"]
        return [f"{type}(", inner, ")"]

    def selection(self, type, context, depth):
        a, b = (self.expression(type, context, depth - 1) for _ in range(2))
        if width(type) > 1:
            x, y = (self.expression(type, context, depth - 2) for _ in range(2))
            return ["select(", a, ", ", b, ", ", x, self.random.choice([" < ", " == ", " > "]), y, ")"]
        condition = self.expression("bool", replace(context, lockstep=False), depth - 1)
        plain = replace(context, lockstep=False)  # only some lanes get to either side
        if self.chance(0.5):
            return ["(", condition, f" ? {type}(", self.expression(type, plain, depth - 1), f") : {type}(", self.expression(type, plain, depth - 1), "))"]
        return ["select(", a, ", ", b, ", ", condition, ")"]

    def function(self, type, context, depth):
        a, b, c = (self.expression(type, context, depth - 1) for _ in range(3))
        kind = element(type)
        if kind == "float":
            name = self.random.choice(["floor", "ceil", "trunc", "rint", "fabs", "fma", "sqrt", "fmax"])
            if name == "fma":
                return ["fma(", a, ", ", b, ", ", c, ")"]
            if name in ("sqrt", "fmax") and width(type) > 1:
                name = "fabs"
            if name == "sqrt":
                return ["precise::sqrt(fabs(", a, "))"]
            if name == "fmax":
                return [self.random.choice(["fmax(", "fmin("]), a, f", {self.random.choice(['1.5f', '-2.0f', '100.0f'])})"]
            return [f"{name}(", a, ")"]
        if kind == "half":
            return [self.random.choice(["floor(", "ceil(", "trunc(", "rint(", "fabs("]), a, ")"]
        one = ["popcount", "clz", "ctz", "reverse_bits"]
        two = ["rotate", "addsat", "subsat", "hadd", "rhadd", "min", "max"] + (["mulhi"] if BITS[kind] <= 32 else [])
        three = ["clamp_ordered", "median3"]
        name = self.random.choice(one + two + three + (["extract_bits", "insert_bits", "absdiff"] if width(type) == 1 else []))
        if name in one:
            return [f"{name}(", a, ")"]
        if name in two:
            return [f"{name}(", a, ", ", b, ")"]
        if name == "median3":
            return ["median3(", a, ", ", b, ", ", c, ")"]
        if name == "clamp_ordered":
            return ["clamp(", a, f", {type}(3), {type}(100))"]
        if name == "absdiff":
            return [f"{type}(absdiff(", a, ", ", b, "))"]
        offset = self.random.randrange(BITS[kind])
        count = self.random.randrange(BITS[kind] - offset + 1)
        if name == "extract_bits":
            return ["extract_bits(", a, f", {offset}u, {count}u)"]
        return ["insert_bits(", a, ", ", b, f", {offset}u, {count}u)"]

    def construction(self, type, context, depth):
        kind, n = element(type), width(type)
        if n == 4 and self.chance(0.3):
            return [f"{type}(", self.expression(kind + "2", context, depth - 1), ", ", self.expression(kind + "2", context, depth - 1), ")"]
        if n == 4 and self.chance(0.3):
            return [f"{type}(", self.expression(kind + "3", context, depth - 1), ", ", self.expression(kind, context, depth - 1), ")"]
        if n == 3 and self.chance(0.3):
            return [f"{type}(", self.expression(kind + "2", context, depth - 1), ", ", self.expression(kind, context, depth - 1), ")"]
        parts = [f"{type}("]
        for i in range(n):
            parts += [", " if i else "", self.expression(kind, context, depth - 1)]
        return parts + [")"]

    def swizzle(self, type, context, depth):
        n = self.random.choice([2, 3, 4])
        letters = "".join(self.random.choice("xyzw"[:n]) for _ in range(width(type)))
        return [f"{element(type)}{n}(", self.expression(f"{element(type)}{n}", context, depth - 1), f").{letters}"]

    def component(self, type, context, depth):
        if type == "bool":
            return self.boolean(context, depth)
        n = self.random.choice([2, 3, 4])
        return [f"{type}{n}(", self.expression(f"{type}{n}", context, depth - 1), f").{self.random.choice('xyzw'[:n])}"]

    def helper(self, type, context, depth):
        if type == "int":
            return ["bits_of(", self.expression("float", context, depth - 1), ")"]
        if type == "float":
            return ["as_type<float>(0x3fffffffu & ", self.expression("uint", context, depth - 1), ")"]
        return self.arithmetic(type, context, depth)

    def simd(self, type, context, depth):
        """Functions over the active lanes; those that read one lane only where all of them are here."""
        x = self.expression(type, context, depth - 1)
        choices = ["broadcast_first"] if BITS.get(type, 32) <= 32 else []
        if type in ("int", "uint", "short", "ushort", "char", "uchar"):
            choices += ["reduce"] * 3 + ["prefix"] * 2
        if type in ("uint", "int"):
            choices += ["ballot"]
        if context.full and self.whole and type in ("int", "uint", "float", "half", "short", "ushort"):
            choices += ["shuffle"] * 3
            if type in ("int", "uint"):
                choices += ["quad"]
        if not choices:
            return self.arithmetic(type, context, depth)
        kind = self.random.choice(choices)
        if kind == "broadcast_first":
            return ["simd_broadcast_first(", x, ")"]
        if kind == "reduce":
            return [f"simd_{self.random.choice(['sum', 'product', 'min', 'max', 'and', 'or', 'xor'])}(", x, ")"]
        if kind == "prefix":
            return [f"simd_prefix_{self.random.choice(['exclusive', 'inclusive'])}_{self.random.choice(['sum', 'product'])}(", x, ")"]
        if kind == "ballot":
            source = self.random.choice(["popcount(uint(ulong(simd_ballot(", "(uint(ulong(simd_ballot("])
            return [f"{type}({source}", self.expression("bool", context, depth - 1), ")))))"]
        if kind == "quad":
            name = self.random.choice(["quad_sum(", "quad_max(", "quad_xor(", "quad_shuffle_xor(", "quad_broadcast("])
            return [name, x, f", ushort({self.random.randrange(4)}))" if name in ("quad_shuffle_xor(", "quad_broadcast(") else ")"]
        name = self.random.choice(["shuffle", "shuffle_xor", "shuffle_rotate_up", "shuffle_rotate_down", "broadcast"])
        lane = f"ushort({self.random.randrange(32)})"
        if name == "shuffle" and self.chance(0.6):
            lane = f"ushort((lane * {self.random.randrange(8)}u + {self.random.randrange(32)}u) & 31u)"
        return [f"simd_{name}(", x, f", {lane})"]

    # ---- statements ----

    def block(self, context, count):
        statements = []
        for _ in range(count):
            made, context = self.statement(context)
            statements.append(made)
        return Node("block", statements), context

    def statement(self, context):
        makers = [self.declare] * 4 + [self.assign] * 4 + [self.store, self.array, self.pair, self.counter]
        if context.depth < 3:
            makers += [self.branch, self.loop, self.switch, self.while_loop]
            if context.lockstep:
                makers += [self.simd_branch] * 2 + [self.simd_loop]
        if context.uniform:
            makers += [self.tile] * 2
        if context.loops or context.in_loop:
            makers += [self.leave_loop]
        if context.lockstep and context.depth == 1 and self.chance(0.1):
            makers += [self.leave_kernel] * 8
        return self.random.choice(makers)(context)

    def declare(self, context):
        type, name = self.type(), self.name("v")
        node = Node("statement", [f"{type} {name} = ", self.expression(type, context), ";"])
        return node, replace(context, variables=(*context.variables, (name, type, True)))

    def assign(self, context):
        known = [(name, type) for name, type, free in context.variables if free]
        if not known:
            return self.declare(context)
        name, type = self.random.choice(known)
        if width(type) > 1 and self.chance(0.4):
            target = f"{name}.{self.random.choice('xyzw'[:width(type)])}"
            return Node("statement", [target, " = ", self.expression(element(type), context), ";"]), context
        if type == "bool":
            return Node("statement", [name, " = ", self.expression(type, context), ";"]), context
        operator = self.random.choice(["=", "+=", "-=", "*="] if is_float(type) else ["=", "+=", "-=", "*=", "^=", "&=", "|="])
        return Node("statement", [f"{name} {operator} ", self.expression(type, context), ";"]), context

    def result(self, context):
        if self.chance(0.4):
            return Node("statement", [f"out_floats[me * {SLOTS} + {self.random.randrange(SLOTS)}] = ", self.expression("float", context), ";"])
        return Node("statement", [f"out_ints[me * {SLOTS} + {self.random.randrange(SLOTS)}] {self.random.choice(['=', '+=', '^='])} ", self.expression("int", context), ";"])

    def store(self, context):
        return self.result(context), context

    def array(self, context):
        """A stack array with an index that isn't known."""
        type, name, got = self.random.choice(["int", "float", "uint", "half"]), self.name("list"), self.name("v")
        size = self.random.choice([4, 8])
        parts = [f"{type} {name}[{size}] = {{"]
        for i in range(size):
            parts += [", " if i else "", self.expression(type, context, 1)]
        parts += ["};\n", f"{name}[", self.expression("uint", context, 2), f" & {size - 1}u] = ", self.expression(type, context, 2), ";\n"]
        use = self.random.randrange(2)
        if use == 0:
            parts += [f"{type} {got} = {name}[", self.expression("uint", context, 2), f" & {size - 1}u];"]
        else:
            parts += [f"{type} {got} = horner<{type}, {size}>({name}, ", self.expression(type, context, 2), ");"]
        return Node("statement", parts), replace(context, variables=(*context.variables, (got, type, True)))

    def pair(self, context):
        name, got = self.name("pair"), self.name("v")
        parts = [f"Pair {name} = {{", self.expression("int", context, 2), ", ", self.expression("float", context, 2), ", ",
                 self.expression("uint4", context, 2), "};\n", f"{name}.turn(", self.expression("int", context, 2), ");\n"]
        if self.chance(0.5):
            parts += [f"mix_into({name}.first, {self.name_of_uint(context, parts)}, ", self.expression("int", context, 1), ");\n"]
        parts += [f"int {got} = {name}.sum() + bits_of({name}.second);"]
        return Node("statement", parts), replace(context, variables=(*context.variables, (got, "int", True)))

    def name_of_uint(self, context, parts):
        known = [name for name, type, free in context.variables if free and type == "uint"]
        if known:
            return self.random.choice(known)
        name = self.name("u")
        parts.insert(0, f"uint {name} = 5u;\n")
        return name

    def counter(self, context):
        """Any order of these gives the same result, as long as nobody looks."""
        index = self.random.randrange(COUNTERS // 4)
        group = self.random.randrange(4)  # one operation for each quarter of the counters
        name = ["add", "xor", "max", "or"][group]
        return Node("statement", [f"atomic_fetch_{name}_explicit(&counters[{group * 4 + index}], ", self.expression("uint", context, 2),
                                  ", memory_order_relaxed);"]), context

    def inner(self, context, count=None):
        block, _ = self.block(replace(context, depth=context.depth + 1), count or self.random.randrange(1, 4))
        return block

    def branch(self, context):
        """A plain `if`: no function of the simdgroup inside."""
        inside = replace(context, uniform=False, lockstep=False, full=False)
        parts = ["if (", self.expression("bool", context), ") ", self.inner(inside)]
        if self.chance(0.5):
            parts += [" else ", self.inner(inside)]
        return Node("statement", parts), context

    def loop(self, context):
        i = self.name("i")
        if self.chance(0.5):
            # As many turns for all threads: what was allowed around it stays so.
            head = [f"for (int {i} = 0; {i} < {self.random.choice(['3', '1', '4', '(number & 3)'])}; ++{i}) "]
            inside = replace(context, loops=0, in_loop=False)
        else:
            # The bound is looked at again at each turn: no function of the simdgroup in it.
            bound = self.expression("uint", replace(context, lockstep=False), 2)
            head = [f"for (int {i} = 0; {i} < int(3u & ", bound, f"); ++{i}) "]
            inside = replace(context, uniform=False, lockstep=False, full=False, in_loop=True, loops=0)
        inside = replace(inside, variables=(*inside.variables, (i, "int", False)))
        return Node("statement", [*head, self.inner(inside)]), context

    def while_loop(self, context):
        inside = replace(context, uniform=False, lockstep=False, full=False, in_loop=True, loops=0)
        n = self.name("n")
        inside = replace(inside, variables=(*inside.variables, (n, "int", False)))
        return Node("statement", [f"int {n} = 0;\nwhile (", self.expression("bool", replace(context, lockstep=False), 2), f" && {n}++ < 4) ",
                                  self.inner(inside)]), context

    def switch(self, context):
        inside = replace(context, uniform=False, lockstep=False, full=False, in_loop=False, loops=0)
        parts = ["switch (", self.expression("int", context, 2), " & 3) {\n"]
        for value in range(self.random.randrange(1, 4)):
            parts += [f"case {value}: ", self.inner(inside), self.random.choice([" break;\n", "\n"])]
        parts += ["default: ", self.inner(inside, 1), "\n}"]
        return Node("statement", parts), context

    def simd_branch(self, context):
        inside = replace(context, uniform=False, full=False, loops=context.loops and context.loops + 1, in_loop=False)
        parts = ["SIMD_IF(", self.expression("bool", context, 2), ") ", self.inner(inside)]
        if self.chance(0.5):
            parts += [" SIMD_ELSE ", self.inner(inside)]
        return Node("statement", [*parts, " SIMD_END"]), context

    def simd_loop(self, context):
        i = self.name("i")
        inside = replace(context, uniform=False, full=False, loops=1, in_loop=False,
                         variables=(*context.variables, (i, "int", False)))
        # The condition is asked at each turn, by those who are still here.
        head = [f"SIMD_FOR({i}, {i} < int(3u & ", self.expression("uint", replace(inside, variables=context.variables), 2), ")) "]
        return Node("statement", [*head, self.inner(inside), " SIMD_END"]), context

    def leave_loop(self, context):
        if context.in_loop:
            word = self.random.choice(["break", "continue"])
            return Node("statement", ["if (", self.expression("bool", replace(context, lockstep=False), 2), f") {word};"]), context
        return Node("statement", ["SIMD_BREAK_IF((", self.expression("bool", context, 2), f"), {context.loops - 1})"]), context

    def leave_kernel(self, context):
        node = Node("statement", ["SIMD_RETURN_IF((", self.expression("bool", context, 2), "))"])
        return node, replace(context, uniform=False, full=False)

    def tile(self, context):
        """Everybody writes a place of his own, and after the barrier reads that of another."""
        if self.tiles and self.chance(0.5):
            name, type = self.random.choice(self.tiles)
        else:
            name, type = self.name("tile"), self.random.choice(["int", "float", "uint", "half", "short", "float4", "uint2"])
            self.tiles.append((name, type))
        got = self.name("v")
        barrier = "threadgroup_barrier(mem_flags::mem_threadgroup);"
        count = "(size3.x * size3.y * size3.z)"
        other = self.random.choice([f"(lid + {self.random.randrange(1, 40)}u) % {count}", f"{count} - 1u - lid",
                                    f"(lid * {self.random.randrange(1, 9)}u) % {count}"])
        parts = [f"{name}[lid] = ", self.expression(type, context), f";\n{barrier}\n{type} {got} = {name}[{other}];\n{barrier}"]
        return Node("statement", parts), replace(context, variables=(*context.variables, (got, type, True)))

    def kernel(self):
        context = Context(depth=0)
        body, context = self.block(replace(context, depth=1), self.random.randrange(4, 14))
        # What was computed must be seen.
        for name, type, _ in self.random.sample(context.variables, min(4, len(context.variables))):
            body.parts.append(Node("statement", [self.show(name, type)]))
        body.parts.append(self.result(replace(context, lockstep=False)))
        head = "".join(f"TILE({type}, {name}, {TILE});\n" for name, type in self.tiles)
        head += "uint me = in_grid.x + grid3.x * (in_grid.y + grid3.y * in_grid.z);\n"
        body.parts.insert(0, Node("statement", [head]))
        return Node("text", [PROLOGUE, SIGNATURE, " ", body, "\n"])

    def show(self, name, type):
        slot = f"me * {SLOTS} + {self.random.randrange(SLOTS)}"
        if is_float(type):
            value = name if width(type) == 1 else f"{name}.x + {name}.{'xyzw'[width(type) - 1]}"
            return f"out_floats[{slot}] = float({value});"
        value = f"{name} ? 1 : 0" if type == "bool" else f"int({name})" if width(type) == 1 else f"int({name}.x ^ {name}.{'xyzw'[width(type) - 1]})"
        return f"out_ints[{slot}] ^= {value};"
