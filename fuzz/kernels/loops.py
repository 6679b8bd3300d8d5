"""Kernels of little but loops: one behind another and in one another, which all threads go through together, or each simdgroup or
thread in turns of its own, and leave by every way; what a turn made is needed in the next one and behind the loop."""

from dataclasses import dataclass, replace

from generate import Generator
from prologue import INPUTS, SIGNATURE, SLOTS, TILE
from tree import Node

ALL, SIMDGROUPS, THREADS = range(3)  # who do the same: the threadgroup's threads, each simdgroup's, or each for itself
BARRIER = "threadgroup_barrier(mem_flags::mem_threadgroup);"
STATE = "float s = 1.5f;\nuint q = 1u, kept = 7u;\n"


@dataclass(frozen=True)
class Loop:
    counter: str
    starts: int  # for whom counters are alike
    leaves: int  # who may leave it, or a turn, for themselves
    is_small: bool  # the counter is 0 to 63


@dataclass(frozen=True)
class Place:
    level: int  # who are here together
    depth: int = 0
    loops: tuple = ()
    breaks: int | None = None  # in a switch, which `break` leaves instead of the loop: who may do so for themselves


class LoopGenerator(Generator):
    def kernel(self):
        self.together = self.chance(0.45)  # threads meet at barriers; otherwise they may go home at any time
        self.usual = [ALL] * (3 * self.together) + [ALL, ALL, SIMDGROUPS, THREADS]
        self.statements_left = self.random.randrange(4, 12)
        first = Place(ALL if self.together else THREADS)
        body = Node("block", [self.guarded_start()] if not self.together and self.chance(0.4) else [])
        for _ in range(self.random.randrange(2, 4)):
            body.parts.append(self.one_loop(first) if self.chance(0.75) else self.statement_at(first))
        body.parts.append(Node("statement", [f"out_floats[me * {SLOTS}] += s;\nout_ints[me * {SLOTS}] ^= int(q ^ kept);"]))
        tiles = "".join(f"TILE({type}, {name}, {TILE});\n" for name, type, _ in self.tiles)
        head = f"{tiles}uint me = in_grid.x + grid3.x * (in_grid.y + grid3.y * in_grid.z);\n{STATE}"
        body.parts.insert(0, Node("statement", [head]))
        return Node("text", [self.prologue, SIGNATURE, " ", body, "\n"])

    def guarded_start(self):
        return Node("statement", ["if (", self.condition(Place(THREADS), THREADS), ") return;"])

    # ---- conditions and values ----

    def at(self, text):
        return f"({text}) & {INPUTS - 1}u"

    def condition(self, place, level):
        """A bool that is the same for whom the level says."""
        loop = self.random.choice(place.loops[-2:]) if place.loops and self.chance(0.7) else None
        c = loop.counter if loop and loop.starts <= level else None
        a, b = self.random.randrange(1, 8), self.random.randrange(INPUTS)
        kinds = ["number > {a}", "(number & {p}) == 0", "(ints[{n}] & {p}) != 0"]
        if c:
            kinds += ["(ints[{c1}] & {p}) == 0", "int({c}) > number", "(int({c}) & 7) == {a}", "floats[{c1}] > 0.5f", "int({c}) >= {a}"] * 2
        if level >= SIMDGROUPS:
            kinds += ["simdgroup == 1u", "(simdgroup & 1u) != 0u", "(ints[{g}] & {p}) == 0"]
            kinds += ["int({c}) > int(simdgroup) * {a}", "(ints[{cg}] & {p}) == 0"] * (2 if c else 0)
        if level == THREADS:
            kinds += ["(lid & 3u) == 1u", "in_grid.x >= uint(number) * {a}u", "lane < {a}u", "(ints[{l}] & {p}) == 0", "(q & 7u) == 3u", "s > 0.5f"]
            if c:
                kinds += ["int({c}) == int(lid & 15u)", "(ints[{cl}] & {p}) == 0", "int({c}) + int(lid) > number * 16", "floats[{cl}] > 0.7f",
                          "int({c}) > (ints[{l}] & 15)"] * 2
        text = self.random.choice(kinds).format(
            a=a, p=self.pick(1, 1, 3, 7), c=c, n=self.at(f"uint(number) * {a}u + {b}u"), c1=self.at(f"uint({c}) * {a}u + {b}u"),
            g=self.at(f"simdgroup * {a}u + {b}u"), cg=self.at(f"uint({c}) + simdgroup * 32u + {b}u"), l=self.at(f"lid * {a}u + {b}u"),
            cl=self.at(f"lid + uint({c}) * {a}u + {b}u"))
        return Node("expression", [f"!({text})" if self.chance(0.15) else text], "bool")

    def element(self, place):
        """Of an input: neighbours for neighbours, at a distance, the same for all, or anywhere."""
        array = self.pick("ints", "floats")
        if not place.loops:
            return f"{array}[{self.at('lid + ' + self.pick('3u', '77u', 'uint(number)'))}]"
        loop = self.random.choice(place.loops[-2:])
        c = f"uint({loop.counter})"
        plain = [f"lid + {c}", f"lane * 4u + {c}", f"{c} * 4u", f"{c}", f"{c} + simdgroup * 32u"] if loop.is_small else []
        masked = [f"{c} * 32u + lane", f"lid * 4u + {c}", f"{c}", f"{c} * 3u + lid * 7u", f"{c} + uint(ints[lid])"]
        if plain and self.chance(0.6):
            return f"{array}[{self.random.choice(plain)}]"
        return f"{array}[{self.at(self.random.choice(masked))}]"

    # ---- statements ----

    def block_at(self, place, count):
        parts = []
        for _ in range(count):
            if self.statements_left <= 0:
                break
            self.statements_left -= 1
            parts.append(self.statement_at(place))
        if not parts or self.chance(0.5):
            parts.insert(self.random.randrange(len(parts) + 1), self.compute(place))
        return Node("block", parts)

    def statement_at(self, place):
        loops = len(place.loops)
        makers = [self.compute] * 3 + [self.keep] * 2 + [self.put, self.fork]
        if place.depth < 5:
            makers += [self.choose] * 2
        if loops < 3 and place.depth < 5:
            makers += [self.one_loop] * (4, 3, 1)[loops] + [self.loop_entered_anywhere] * (loops < 2)
        if place.breaks is not None and place.level <= place.breaks:
            makers += [self.break_switch] * 3
        if loops and place.level <= place.loops[-1].leaves:
            makers += [self.leave] * 5
        if not self.together or place.level == ALL:
            makers += [self.go_home] * (1 + 2 * (not self.together and loops > 0))
        if self.together and place.level == ALL:
            makers += [self.meet] * 6 + [self.one_of_two] * 3
        if self.together and place.level <= SIMDGROUPS:
            makers += [self.join_lanes] * 2
        return self.random.choice(makers)(place)

    def compute(self, place):
        x = self.element(place)
        if x.startswith("ints"):
            text = self.pick("q = q * 3u + uint({x});", "q = (q << 1) ^ uint({x});", "q += uint({x}) * (lid + 1u);", "q += uint({x} & 15) * uint(number);")
        else:
            text = self.pick("s = s * 0.75f + {x};", "s += {x};", "s = {x} - s * 0.25f;", "s = {x} > s ? {x} : s * 0.5f;")
        return Node("statement", [text.format(x=x)])

    def keep(self, place):
        """What is the same for all who take this turn, and behind the loop what each thread's last turn made."""
        if not place.loops:
            return self.compute(place)
        c, a = place.loops[-1].counter, self.pick(1, 3, 7)
        return Node("statement", [self.pick(
            f"kept = kept * 3u + uint(ints[{self.at(f'uint({c}) * {a}u + 9u')}]);", f"kept = uint({c}) + {a}u;",
            f"kept = uint(ints[{self.at(f'uint({c}) * {a}u + 5u')}]);", "{ const uint other = kept; kept = q; q = other; }")])

    def put(self, place):
        slot = f"(uint({place.loops[-1].counter}) % {SLOTS}u)" if place.loops and self.chance(0.7) else str(self.random.randrange(SLOTS))
        at = f"me * {SLOTS} + {slot}"
        return Node("statement", [self.pick(f"out_ints[{at}] ^= int(q);", f"out_ints[{at}] += int(kept);", f"out_ints[{at}] = int(q + 1u);",
                                            f"out_floats[{at}] = s;", f"out_floats[{at}] += s;")])

    def fork(self, place):
        level = max(place.level, self.random.choice(self.usual) if self.together else THREADS)
        inside = replace(place, level=level, depth=place.depth + 1)
        parts = ["if (", self.condition(place, level), ") ", self.block_at(inside, self.random.randrange(1, 3))]
        if self.chance(0.3):
            parts += [" else ", self.block_at(inside, 1)]
        return Node("statement", parts)

    def number_at(self, place, level):
        """A small number that is the same for whom the level says."""
        loop = self.random.choice(place.loops[-2:]) if place.loops and self.chance(0.6) else None
        a, b = self.random.randrange(1, 8), self.random.randrange(INPUTS)
        kinds = ["uint(number)", "uint(ints[{n}])"]
        if level >= SIMDGROUPS:
            kinds += ["simdgroup + uint(number)", "uint(ints[{g}])"]
        if level == THREADS:
            kinds += ["lid", "lid / 8u", "q >> 3", "uint(ints[{l}])"]
        if loop and loop.starts <= level:
            kinds += ["uint({c})", "uint(ints[{c1}])", *self.by_level(level, "uint({c}) + simdgroup", "uint({c}) + lid")] * 2
        c = loop.counter if loop else None
        return self.random.choice(kinds).format(c=c, n=self.at(f"uint(number) * {a}u + {b}u"), g=self.at(f"simdgroup * {a}u + {b}u"),
                                                l=self.at(f"lid * {a}u + {b}u"), c1=self.at(f"uint({c}) * {a}u + {b}u"))

    def choose(self, place):
        """A switch whose cases fall through, or break where they like."""
        level = max(place.level, self.random.choice(self.usual) if self.together else THREADS)
        breaks = level if self.chance(0.6) else max(level, self.random.choice([SIMDGROUPS, THREADS]))
        inside = replace(place, level=breaks, depth=place.depth + 1, breaks=breaks)
        cases = self.random.randrange(2, 5)
        parts = [f"switch (({self.number_at(place, level)}) % {self.random.randrange(2, 7)}u) {{\n"]
        default = self.random.randrange(-1, cases)
        for case in range(cases):
            labels = [f"case {case}u:", *["default:"] * (case == default), *[f"case {case + cases}u:"] * self.chance(0.2)]
            parts += [" ".join(labels), " ", self.block_at(inside, self.random.randrange(1, 3)), " break;\n" if self.chance(0.6) else "\n"]
        return Node("statement", [*parts, "}"])

    def way(self, place, level, word):
        first = [self.pick("q += 7u;", "s += 1.0f;", "kept ^= q;"), " "] if self.chance(0.3) else []
        return Node("statement", ["if (", self.condition(place, level), ") { ", *first, word, "; }"])

    def leave(self, place):
        leaves = place.loops[-1].leaves
        level = self.random.choice([level for level in (ALL, SIMDGROUPS, THREADS) if level <= leaves] + [leaves] * 2)
        return self.way(place, level, self.pick("break", "break", "continue") if place.breaks is None else "continue")

    def break_switch(self, place):
        return self.way(place, self.random.choice([ALL, SIMDGROUPS, THREADS][:place.breaks + 1]), "break")

    def go_home(self, place):
        return self.way(place, ALL if self.together else THREADS, "return")

    def exchange(self, name):
        return f"{name}[lid] = q;\n{BARRIER}\nq = q * 3u + {name}[{self.other()}];\n{BARRIER}"

    def meet(self, place):
        name = self.tile_of("uint")
        return Node("statement", [self.exchange(name)])

    def one_of_two(self, place):
        """Two values from before a barrier, of which either goes on."""
        name, a, b, y = self.tile_of("uint"), *(self.name(stem) for stem in "aby")
        shown = f"out_ints[me * {SLOTS} + 1] ^= int({a});\nout_ints[me * {SLOTS} + 2] ^= int({b});\n" * self.chance(0.5)
        way = [f"{self.exchange(name)}\n" * self.chance(0.6) for _ in range(2)]
        values = self.random.sample([a, b, "q"], 2)
        text = [f"uint {a} = q * 5u + uint({self.element(place)} > 0), {b} = (q >> 3) + kept, {y};\n{shown}if (", self.condition(place, ALL),
                f") {{\n{way[0]}{y} = {values[0]};\n}} else {{\n{way[1]}{y} = {values[1]};\n}}\n{self.exchange(name) * self.chance(0.4)}\n",
                self.pick(f"q ^= {y} * 3u;", f"q += {y}; kept = {a};", f"kept += {y};")]
        return Node("statement", ["{\n", *text, "\n}"])

    def join_lanes(self, place):
        return Node("statement", [self.pick("q += simd_sum(q & 1023u);", "q = q * 3u + simd_max(q);", "if (simd_any((q & 15u) == 3u)) q += 11u;",
                                            "q ^= simd_broadcast_first(q);", "q += simd_prefix_exclusive_sum(q & 255u);", "q += simd_min(q) * 7u;")])

    # ---- loops ----

    def one_loop(self, place):
        starts = self.random.choice(self.usual)
        leaves = max(starts, place.level, self.random.choice(self.usual))
        i, type = self.name("i"), self.pick("int", "int", "uint", "uint", "short", "ushort", "long", "ulong")
        loop = Loop(i, starts, leaves, True)
        if starts == THREADS and self.chance(0.4):
            return self.loop_of_shared_turns(place, replace(loop, is_small=False))
        start = self.pick("0", "0", "0", "(number & 3)", *self.by_level(loop.starts, "int(simdgroup & 7u)", "int(lid & 15u)"))
        turns = self.pick("3", "5", "9", "17", "number + 3", *self.by_level(loop.starts, "int(simdgroup & 3u) * 3 + 2", f"(ints[{self.at('lid * 3u')}] & 15)"))
        upward = self.chance(0.7) or type[0] == "u"
        step = self.pick("++{0}", "{0} += 1", "{0} += 2") if upward else self.pick("--{0}", "{0} -= 1", "{0} -= 2")
        end = self.pick("{0} < {1}", "{0} < {1}", "{0} <= {1}") if upward else "{0} > 0"
        first = f"{type}({start})" if upward else f"{type}({start} + {turns})"
        return self.written(place, loop, type, first, end.replace("{1}", f"{type}({start} + {turns})"), step)

    @staticmethod
    def by_level(level, simdgroups, threads):
        return [[], [simdgroups] * 3, [simdgroups] + [threads] * 4][level]

    def loop_of_shared_turns(self, place, loop):
        head = self.shared_loop(self.pick("int", "uint"), loop.counter)
        return Node("statement", [head, self.body(place, loop)])

    def loop_entered_anywhere(self, place):
        """Duff's device: a switch jumps into the middle of a loop."""
        starts = self.random.choice(self.usual)
        level = max(place.level, starts)
        loop = Loop(self.name("i"), starts, level, True)
        turns = self.pick("3", "5", "number + 3", *self.by_level(starts, "int(simdgroup & 3u) * 3 + 2", f"(ints[{self.at('lid * 3u')}] & 15)"))
        labels = self.random.sample(range(4), self.random.randrange(2, 5))
        parts = [f"{{\nint {loop.counter} = 0;\nswitch (({self.number_at(place, level)}) % 4u) {{\n{self.pick('default:', 'case 0u:')} do {{\n"]
        if "default" not in parts[0]:
            labels = [label or 4 for label in labels]
        for label in labels:
            parts += [f"case {label}u: ", self.block_at(self.inside(place, loop), self.random.randrange(1, 3)), "\n"]
        return Node("statement", [*parts, f"}} while (++{loop.counter} < {turns});\n}}\n}}"])

    def inside(self, place, loop):
        return Place(max(place.level, loop.starts, loop.leaves), place.depth + 1, (*place.loops, loop))

    def body(self, place, loop):
        return self.block_at(self.inside(place, loop), self.random.randrange(1, 4))

    def written(self, place, loop, type, first, end, step):
        """In one of the forms that people write."""
        i, form = loop.counter, self.random.randrange(5)
        body = self.body(place, loop)
        if form == 0:
            # The counter is needed behind it.
            return Node("list", [Node("statement", [f"{type} {i} = {first};\nfor (; {end.format(i)}; {step.format(i)}) ", body, f"\nq += uint({i});"])])
        if form == 1:
            w = f"w{i}"
            return Node("statement", [f"for ({type} {w} = {first}; {end.format(w)};) {{\nconst {type} {i} = {w};\n{step.format(w)};\n", body, "\n}"])
        if form == 2:
            return Node("statement", [f"{{\n{type} {i} = {first};\ndo ", body, f" while (({step.format(i)}), {end.format(i)});\n}}"])
        return Node("statement", [f"for ({type} {i} = {first}; {end.format(i)}; {step.format(i)}) ", body])
