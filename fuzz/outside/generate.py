"""Random kernels that leave their variables and tables, and the same in Python: each statement is made as a line of either."""

import random
import struct
from typing import NamedTuple

from memory import Memory, copy, wrap

HEAD = """#include <metal_stdlib>
using namespace metal;
struct Part { int a; short b; uchar c[2]; int e[2]; };
struct Whole { Part p[2]; int k; };
"""
SIGNATURE = "kernel void outside(device const int* input, device int* o, uint i [[thread_position_in_grid]])"
INPUTS, KEPT = 64, 4  # numbers of `input`, and of `o` for each thread

# Metal's name of an element, its bytes, and ways to an int within: text ("@" is an index), offset, struct's letter, bytes for each step of the index.
PART = [(".a", 0, "i"), (".b", 4, "h"), (".c[@]", 6, "B", 1), (".e[@]", 8, "i", 4)]
ELEMENTS = {
    "int": (4, [("", 0, "i")]),
    "short": (2, [("", 0, "h")]),
    "uchar": (1, [("", 0, "B")]),
    "bool": (1, [("", 0, "?")]),
    "long": (8, [("", 0, "q")]),
    "half": (2, [("", 0, "e")]),
    "int2": (8, [(".x", 0, "ii.0"), (".y", 0, "ii.1")]),
    "Part": (16, PART),
    "Whole": (36, [(f".p[@]{text}", offset, kind, 16) for text, offset, kind, *more in PART if not more] + [(".k", 32, "i")]),
}


class Text(NamedTuple):
    """The same in Metal and in Python."""

    metal: str
    python: str


class Thing(NamedTuple):
    """An array, or a pointer that begins somewhere in one."""

    name: str
    element: str
    count: int
    space: str

    @property
    def is_table(self):
        return self.space == "constant"


def same(text, *parts):
    return Text(text.format(*(part.metal for part in parts)), text.format(*(part.python for part in parts)))


def number(value):
    return Text(f"({value})", f"({value})")


class Kernel:
    """`text`: the Metal text; `expect(input, threads)`: what `o` holds behind it."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.metal, self.python = [], []
        self.names, self.left, self.loops = 0, self.random.randrange(5, 14), []
        self.tables = [self.thing("table", "constant") for _ in range(self.random.randrange(1, 4))]
        self.variables = [self.thing("a", "thread") for _ in range(self.random.randrange(2, 4))]
        self.pointers = []
        self.contents = {table.name: self.content(table) for table in self.tables}
        self.text = self.written()
        self.model = compile("\n".join(self.python), f"kernel {seed}", "exec")

    # ---- names and objects

    def chance(self, share):
        return self.random.random() < share

    def pick(self, *of):
        return self.random.choice(of)

    def name(self, stem):
        self.names += 1
        return f"{stem}{self.names}"

    def thing(self, stem, space):
        element = self.pick("int", "int", "int", *ELEMENTS)
        return Thing(self.name(stem), element, self.pick(1, 1, 2, 2, 3, 4, 5, 8, 40), space)

    def content(self, table):
        """Values of a table's elements: alike, or not."""
        size, _ = ELEMENTS[table.element]
        first = self.random.randrange(1, 100)
        alike = self.chance(0.3)
        values = [first if alike else self.random.randrange(-90, 90) for _ in range(table.count)]
        memory = Memory(bytes(size * table.count))
        for k, value in enumerate(values):
            if table.element in ("Part", "Whole"):
                for offset in (0, 32)[:1 + (table.element == "Whole")]:
                    memory.write(k * size + offset, "i", value)
            elif table.element == "int2":
                memory.write(k * size, "i", value)
                memory.write(k * size + 4, "i", value + 1)
            else:
                memory.write(k * size, ELEMENTS[table.element][1][0][2], value)
        written = {"Part": "{{{}}}", "Whole": "{{{{{{{0}}}}}, {0}}}", "int2": "int2({0}, {0} + 1)", "bool": "bool({})",
                   "uchar": "uchar({})"}.get(table.element, "{}")
        initial = ", ".join(written.format(value) for value in values)
        return memory, f"constant {table.element} {table.name}[{table.count}] = {{{initial}}};"

    # ---- expressions, all of them ints

    def value(self, depth=0):
        makers = [self.leaf, self.leaf, self.element_read, self.element_read]
        if depth < 3:
            makers += [self.sum_of_two, self.choice, self.extreme, self.narrowed]
        return self.random.choice(makers)(depth)

    def leaf(self, depth):
        at = self.random.randrange(4)
        leaves = [number(self.random.randrange(-3, 12)), Text("x", "x"), Text("y", "y"), Text("int(i)", "i"), Text("s", "s"),
                  Text(f"input[(i + {at}u) % {INPUTS}u]", f"input[(i + {at}) % {INPUTS}]")]
        leaves += [Text(name, name) for name in self.loops] * 3
        return self.random.choice(leaves)

    def sum_of_two(self, depth):
        a, b, sign = self.value(depth + 1), self.value(depth + 1), self.pick("+", "-", "*", "^", "&")
        return Text(f"({a.metal} {sign} {b.metal})", f"wrap({a.python} {sign} {b.python})")

    def condition(self, depth=1):
        a, sign = self.value(depth + 1), self.pick("==", "!=", "<", ">", ">=")
        return same(f"({{}} {sign} {{}})", a, number(self.random.randrange(-2, 9)) if self.chance(0.8) else self.value(depth + 1))

    def choice(self, depth):
        c, a, b = self.condition(depth), self.value(depth + 1), self.value(depth + 1)
        return Text(f"({c.metal} ? {a.metal} : {b.metal})", f"({a.python} if {c.python} else {b.python})")

    def extreme(self, depth):
        return same(self.pick("min({}, {})", "max({}, {})"), self.value(depth + 1), self.value(depth + 1))

    def narrowed(self, depth):
        a = self.value(depth + 1)
        return self.pick(same("({} & 3)", a), Text(f"int({a.metal} != 0)", f"int({a.python} != 0)"),
                         Text(f"int(popcount({a.metal}))", f"bin({a.python} & 0xffffffff).count('1')"))

    def index(self, count):
        """Mostly near the ends of so many elements."""
        near = number(self.pick(-1, 0, count - 1, count, count + 1, self.random.randrange(-2, count + 3)))
        a = self.leaf(0)
        kinds = [near, a, a, same("({} & 3)", a), Text(f"({a.metal} + {near.metal})", f"wrap({a.python} + {near.python})"), self.value(2),
                 Text(f"(x > 3 ? {near.metal} : {count - 1})", f"({near.python} if x > 3 else {count - 1})"),
                 Text(f"(int(x > 2) + {count - 1})", f"(int(x > 2) + {count - 1})")]
        kinds += [Text(name, name) for name in self.loops] * 3
        chosen = self.random.choice(kinds)
        if self.chance(0.15):
            return Text(f"(x > 3 ? long({near.metal}) : {count - 1}L)", f"({near.python} if x > 3 else {count - 1})")
        return Text(f"long({chosen.metal})", chosen.python) if self.chance(0.15) else chosen

    def place(self, thing):
        """Of an int within: its text, where the model has it, and of what kind it is."""
        size, ways = ELEMENTS[thing.element]
        text, offset, kind, *step = self.random.choice(ways)
        at = self.index(thing.count)
        python = f"{thing.name}[1] + {at.python} * {size} + {offset}"
        metal = f"{thing.name}[{at.metal}]{text}"
        if step:
            inner = self.index(2)
            metal, python = metal.replace("@", inner.metal, 1), f"{python} + {inner.python} * {step[0]}"
        return metal, python, kind

    def element_read(self, depth):
        thing = self.random.choice(self.tables + self.variables * 2 + self.pointers * 2)
        if depth > 2:
            return self.leaf(depth)
        metal, python, kind = self.place(thing)
        if thing.element == "int" and self.chance(0.2):
            at = self.index(thing.count)
            return Text(f"element({thing.name}, {at.metal})", f"wrap({thing.name}[0].read({thing.name}[1] + wrap({at.python}) * 4, 'i') + 1)")
        return Text(f"int({metal})", f"{thing.name}[0].read({python}, {kind!r})")

    # ---- statements: lines of either, and what stands in them deeper

    def line(self, depth, metal, python):
        self.metal.append("  " * depth + metal)
        self.python.append("  " * depth + python)

    def block(self, depth):
        for _ in range(self.random.randrange(1, 4)):
            self.statement(depth)

    def statement(self, depth):
        if self.left <= 0:
            return self.line(depth, "s = s * 3 + 1;", "s = wrap(s * 3 + 1)")
        self.left -= 1
        makers = [self.sums, self.sums, self.stores, self.stores, self.stores, self.copies, self.walks]
        if depth < 4:
            makers += [self.branch, self.branch, self.cases, self.loop, self.loop]
        if self.loops:
            makers += [self.leaves]
        return self.random.choice(makers)(depth)

    def sums(self, depth):
        a = self.value()
        self.line(depth, f"s = s * 3 + {a.metal};", f"s = wrap(s * 3 + {a.python})")

    def stores(self, depth):
        thing = self.random.choice(self.variables + [one for one in self.pointers if not one.is_table])
        metal, python, kind = self.place(thing)
        a = self.value(1)
        if "." in kind:  # a component is written where it is, and not its vector
            kind, component = kind.split(".")
            python, kind = f"{python} + {component} * 4 if {thing.name}[0].is_inside({python}, 8) else -99", kind[0]
        cast = {"e": "half({} & 255)", "?": "bool({})"}.get(kind, "{}").format(a.metal)
        value = f"({a.python}) & 255" if kind == "e" else a.python
        self.line(depth, f"{metal} = {cast};", f"{thing.name}[0].write({python}, {kind!r}, {value})")

    def copies(self, depth):
        to = self.random.choice(self.variables)
        sources = [thing for thing in self.variables + self.tables + self.pointers if thing.element == to.element]
        source, size = self.random.choice(sources), ELEMENTS[to.element][0]
        at, begin = self.index(to.count), self.index(source.count)
        self.line(depth, f"{to.name}[{at.metal}] = {source.name}[{begin.metal}];",
                  f"copy({to.name}[0], {to.name}[1] + {at.python} * {size}, {source.name}[0], {source.name}[1] + {begin.python} * {size}, {size})")

    def walks(self, depth):
        """A pointer into one of two arrays, which goes on or back in a loop."""
        first = self.random.choice(self.variables + self.tables)
        others = [thing for thing in self.variables + self.tables if (thing.element, thing.space) == (first.element, first.space)]
        other, size = self.random.choice(others), ELEMENTS[first.element][0]
        p, c, k, turns, step = self.name("p"), self.condition(), self.index(first.count), self.random.randrange(1, 5), self.pick(1, 1, -1, 2)
        begin = f"({first.name}[0], {first.name}[1] + {k.python} * {size}) if {c.python} else {other.name}"
        self.line(depth, "{", "if True:")
        self.line(depth + 1, f"{first.space} {first.element}* {p} = {c.metal} ? {first.name} + {k.metal} : {other.name};", f"{p} = {begin}")
        pointer = Thing(p, first.element, 2, first.space)
        w = self.name("w")
        self.line(depth + 1, f"for (int {w} = 0; {w} < {turns}; ++{w}) {{", f"for {w} in range({turns}):")
        self.pointers.append(pointer)
        self.loops.append(w)
        self.block(depth + 2)
        self.line(depth + 2, f"{p} += {step};", f"{p} = ({p}[0], {p}[1] + {step * size})")
        self.loops.pop()
        self.pointers.pop()
        self.line(depth + 1, "}", "pass")
        self.line(depth, "}", "pass")

    def branch(self, depth):
        c = self.condition() if self.chance(0.5) else same("({} == {})", Text("x", "x"), number(self.random.randrange(-1, 8)))
        self.line(depth, f"if ({c.metal}) {{", f"if {c.python}:")
        self.block(depth + 1)
        if self.chance(0.4):
            self.line(depth, "} else {", "else:")
            self.block(depth + 1)
        self.line(depth, "}", "pass")

    def cases(self, depth):
        a = self.pick(Text("x", "x"), Text("(y & 3)", "(y & 3)"), self.value(2))
        self.line(depth, f"switch ({a.metal}) {{", f"match {a.python}:")
        for case in self.random.sample(range(-1, 8), self.random.randrange(1, 4)):
            self.line(depth + 1, f"case {case}: {{", f"case {case}:")
            self.block_without_break(depth + 2)
            self.line(depth + 1, "} break;", "  pass")
        self.line(depth + 1, "default: {", "case _:")
        self.block_without_break(depth + 2)
        self.line(depth + 1, "}", "  pass")
        self.line(depth, "}", "pass")

    def block_without_break(self, depth):
        loops, self.loops = self.loops, []
        self.block(depth)
        self.loops = loops

    def loop(self, depth):
        k, first, turns = self.name("k"), self.random.randrange(-2, 3), self.random.randrange(1, 9)
        self.line(depth, f"for (int {k} = {first}; {k} < {first + turns}; ++{k}) {{", f"for {k} in range({first}, {first + turns}):")
        self.loops.append(k)
        self.block(depth + 1)
        self.loops.pop()
        self.line(depth, "}", "pass")

    def leaves(self, depth):
        c, word = self.condition(), self.pick("break", "continue")
        if self.loops[-1].startswith("w"):
            word = "break"  # a pointer's step stands at the loop's end
        self.line(depth, f"if ({c.metal}) {word};", f"if {c.python}: {word}")

    # ---- the whole

    def written(self):
        for space in ("constant", "thread"):
            self.metal.append(f"int element({space} int* p, int k) {{ return p[k] + 1; }}")
        self.metal += [text for _, text in self.contents.values()]
        self.metal.append(f"{SIGNATURE} {{")
        self.line(1, "int x = input[i % 64u], y = input[(i + 1u) % 64u], s = 1;", "x, y, s = input[i % 64], input[(i + 1) % 64], 1")
        for thing in self.variables:
            size, _ = ELEMENTS[thing.element]
            self.line(1, f"{thing.element} {thing.name}[{thing.count}] = {{}};", f"{thing.name} = (Memory(bytes({size * thing.count})), 0)")
        while self.left > 0:
            self.statement(1)
        self.line(1, f"o[i * {KEPT}u] = s;", f"o[i * {KEPT}] = s")
        for at, thing in enumerate(self.variables[:KEPT - 1], 1):
            k, (size, ways) = self.name("k"), ELEMENTS[thing.element]
            text, offset, kind, *step = ways[-1]
            self.line(1, f"for (int {k} = 0; {k} < {thing.count}; ++{k}) o[i * {KEPT}u + {at}u] = o[i * {KEPT}u + {at}u] * 5 + int({thing.name}[{k}]{text.replace('@', '1')});",
                      f"for {k} in range({thing.count}): o[i * {KEPT} + {at}] = wrap(o[i * {KEPT} + {at}] * 5 + "
                      f"{thing.name}[0].read({k} * {size} + {offset + sum(step)}, {kind!r}))")
        self.metal.append("}")
        self.python.insert(0, "if True:")
        return HEAD + "\n".join(self.metal) + "\n"

    def expect(self, numbers, threads):
        o = [0] * (threads * KEPT)
        tables = {name: (memory, 0) for name, (memory, _) in self.contents.items()}
        for i in range(threads):
            exec(self.model, {"Memory": Memory, "copy": copy, "wrap": wrap, "input": numbers, "o": o, "i": i, **tables})
        return o


assert struct.calcsize("<ihBBii") == ELEMENTS["Part"][0]
