"""Random kernels in which it matters who is together, as trees of statements.

A place has a *level*: 2 where all threads of the threadgroup come together, 1 where all of a simdgroup do, else 0. Expressions have one,
too: for whom they are alike. `u` is alike for the threadgroup and `s` for each simdgroup, so they are assigned in such places
only, and barriers stand in such places only.
"""

import random
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from constructs import (Block, Call, Choice, Count, Exchange, Exits, Function, If, Keep, Label, Leave, Locked, Loop, Return, Set,
                        Switch, declared, indented)
from lanes import ALIKE, EACH, HEAD, SHARED, Lanes

KEPT, TABLE, COUNTS, LOCKS = 4, 32, 4, 64
BEFORE_LEAVING = 0.5  # how often others see what stands before a `break` or `return` in a loop; never in one that a switch jumps into (docs/limits.md)

SIGNATURE = """kernel void lockstep(device const int* input, device const int* b, device int* kept, device atomic_int* counts, device atomic_int* locks,
    uint i [[thread_position_in_grid]], uint index [[thread_index_in_threadgroup]], uint lane_index [[thread_index_in_simdgroup]],
    uint simdgroup [[simdgroup_index_in_threadgroup]], uint threads [[threads_per_threadgroup]]) {"""
BEGIN = f"""threadgroup int t[{SHARED}];
device int* o = kept + i * {KEPT};
int T = int(threads), lid = int(index), lane = int(lane_index), sg = int(simdgroup), a = input[i], x = a, y = b[lane], u = b[0], s = b[sg];
for (int k = lid; k < {SHARED}; k += T) t[k] = 0;
threadgroup_barrier(mem_flags::mem_threadgroup);"""


@dataclass
class Inside:
    """A loop, a switch, a function, or what nobody may leave (`closed`). `cap`: the level of what still follows in this turn."""

    kind: str
    level: int
    cap: int = field(init=False)

    def __post_init__(self):
        self.cap = 2


class Place(NamedTuple):
    reached: int
    inside: tuple
    depth: int

    @property
    def level(self):
        return min(self.reached, *(one.cap for one in self.inside))

    def arm(self, level):
        return Place(min(level, self.level), self.inside, self.depth + 1)

    def within(self, kind, level=2):
        level = min(level, self.level)
        return Place(level, (*self.inside, Inside(kind, level)), self.depth + 1)

    def left_by(self, word):
        """What a `break`, `continue` or `return` goes out of, the outermost first; None where it may not stand."""
        ends = {"break": ("loop", "switch"), "continue": ("loop",), "return": ("kernel", "function")}[word]
        for at in reversed(range(len(self.inside))):
            kind = self.inside[at].kind
            if kind in ends:
                return self.inside[at:]
            if kind == "locked" or kind == "closed" and word != "return":
                return None
        return None


class Kernel:
    """`text`: the Metal text; `body` and `variables`: what the model runs.

    `is_lockstep_only`: threads that hold a lock meet the others, who wait for it, at functions of the simdgroup. To executors that run threads one by one
    that has no end.
    """

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.names, self.left, self.locks = 0, self.random.randrange(5, 18), 0
        self.is_lockstep_only, self.is_entered = False, False
        self.functions, self.variables, self.counters, self.labels, self.flags = [], [], [], [], []
        place = Place(2, (Inside("kernel", 2),), 0)
        statements = []
        while self.left > 0:
            statements += self.statement(place)
        self.body = Block(statements + [Keep(0, "x"), Keep(1, "y"), Keep(2, "u"), Keep(3, "s")])

    @property
    def text(self):
        functions = [line for function in self.functions for line in function.text()]
        return HEAD + "\n".join([*functions, SIGNATURE, *indented(BEGIN.splitlines() + declared(self.variables) + self.body.text()), "}\n"])

    # ---- names and numbers

    def chance(self, share):
        return self.random.random() < share

    def pick(self, *of):
        return self.random.choice(of)

    def variable(self, stem):
        self.names += 1
        self.variables.append(f"{stem}{self.names}")
        return self.variables[-1]

    def leaf(self, level):
        leaves = ["u", f"b[{self.random.randrange(TABLE)}]", "b[u & 31]", str(self.random.randrange(-3, 12))]
        if level < 2:
            leaves += ["s", "s", "sg", "b[s & 31]"]
        if level < 1:
            leaves += ["x", "x", "x", "y", "y", "a", "lane", "b[x & 31]"]
        return self.random.choice(leaves + [name for name, alike in self.counters[-3:] if alike >= level] * 2)

    def together(self, level):
        """A function of those who are there."""
        name = self.random.choice([*ALIKE, *ALIKE, *EACH] if level < 1 else list(ALIKE))
        if name == "simd_is_first":
            return "simd_is_first()"
        votes = ("any", "all", "count", "mask")
        return f"{name}({self.test(0) if name.endswith(votes) else self.plain(0)})"

    def plain(self, level):
        """Without such functions."""
        a, b = self.leaf(level), self.leaf(level)
        return self.pick(a, f"({a} & {self.pick(1, 3, 7, 15)})", f"({a} {self.pick('+', '-', '*', '^')} {b})", f"({a} * 3 + {b})")

    def value(self, level):
        if level > 1:
            return self.plain(level)
        if self.chance(0.6):
            return self.pick(self.together(level), f"({self.plain(level)} + {self.together(level)})", f"({self.together(level)} & 15)")
        return self.plain(level)

    def test(self, level):
        a, mask = self.leaf(level), self.pick(1, 1, 2, 3, 4, 7)
        tests = [f"({a} & {mask}) {self.pick('==', '!=')} {self.random.randrange(mask + 1)}", f"({a} & {mask}) > {mask // 2}"]
        return self.random.choice(tests + ["lane < 20", "lane == 3", "lid < 40", "(a & 3) == 1"] * (level < 1))

    def condition(self, level):
        """Alike at this level at least."""
        if level > 1 or self.chance(0.75):
            return self.test(level)
        return self.pick(f"simd_any({self.test(0)})", f"simd_all({self.test(0)})", f"simd_count({self.test(0)}) > {self.pick(1, 4, 9)}",
                         f"({self.together(level)} & 1) == 1")

    def any_level(self, place):
        """Of a condition in this place: mostly for each lane."""
        return min(self.pick(0, 0, 0, 1, 2), place.level)

    # ---- statements; each maker gives a list of them

    def block(self, place, most=3):
        statements = []
        for _ in range(self.random.randrange(1, most + 1)):
            self.label(statements)
            statements += self.statement(place)
        self.label(statements)
        return Block(statements)

    def label(self, statements):
        """Perhaps one of the switch that is open."""
        if self.labels and self.chance(0.4):
            statements.append(self.labels.pop())

    def statement(self, place):
        self.left -= 1
        makers = [self.sums, self.sums, self.sums, self.keeps, self.counts, self.exchanges, self.exchanges]
        if place.left_by("break") or place.left_by("continue"):
            makers += [self.leaves] * 3
        if place.left_by("return"):
            makers += [self.returns]
        if self.flags:
            makers += [self.stops] * 2
        if self.left > 0 and place.depth < 5:
            makers += [self.branch, self.branch, self.alike_arms, self.cases, self.counted, self.counted, self.until_flag, self.first_turn,
                       self.machine, self.waterfall, self.one_by_one, self.while_any, self.entered, self.call]
            if not any(one.kind == "locked" for one in place.inside):
                makers += [self.locked]
        return self.random.choice(makers)(place)

    def sums(self, place):
        level = self.pick(*range(place.level + 1))
        name = self.pick(*[("x", "y"), ("s",), ("u",)][level])
        if level < 2 and self.chance(0.12):
            sides = self.pick((self.value(level), self.value(level)), (self.test(level), "false"), ("true", self.test(level)))
            return [Set(name, Choice(self.condition(level), *sides))]
        value = self.value(level)
        return [Set(name, value if self.chance(0.3) else f"{name} * 3 + {value}")]

    def keeps(self, place):
        return [Keep(self.random.randrange(KEPT), self.value(0))]

    def counts(self, place):
        count = Count(self.random.randrange(COUNTS), self.value(0))
        return [If("simd_is_first()", Block([count]))] if self.chance(0.5) else [count]

    def exchanges(self, place):
        if place.level == 0:
            return self.sums(place)
        return [Exchange(self.pick(1, 3, 16, 31), place.level == 2 and self.chance(0.7))]

    def branch(self, place):
        level = self.any_level(place)
        condition = self.condition(level)
        if level < 2 and self.chance(0.15):
            condition = Choice(condition, *self.pick((f"simd_any({self.test(0)})", "false"), ("true", f"simd_all({self.test(0)})")))
        yes = self.block(place.arm(level))
        return [If(condition, yes, self.block(place.arm(level)) if self.chance(0.5) else None)]

    def alike_arms(self, place):
        """What begins or ends alike, and might be taken together."""
        level, same = self.any_level(place), self.sums(Place(0, place.inside, place.depth))
        arms = [self.block(place.arm(level), 1).statements for _ in range(2)]
        arms = [same + arm if self.chance(0.5) else arm + same for arm in arms]
        return [If(self.condition(level), Block(arms[0]), Block(arms[1]))]

    def leaves(self, place):
        return self.way_out(place, self.random.choice([word for word in ("break", "continue") if place.left_by(word)]))

    def returns(self, place):
        return self.way_out(place, "return")

    def way_out(self, place, word):
        """`if (...) { ...; break; }`: those who meet in the next turn, or behind the call, leave together or not at all."""
        if word == "continue" and self.is_entered:  # docs/limits.md
            return self.sums(place)
        left, level = place.left_by(word), self.any_level(place)
        loops = [one.level for one in left if one.kind in ("loop", "closed") and word != "continue"]
        if left[0].kind != "kernel":
            level = max([level, *loops])
            if level > place.level:
                return self.sums(place)
        is_plain = loops and not self.is_before_leaving()
        condition, arm, before = self.condition(level), place.arm(level), []
        if loops and self.is_entered:  # one of which nobody knows whether it holds
            condition = f"({('x', 's', 'u')[level]} * 5 + b[{self.random.randrange(TABLE)}]) & {self.pick(1, 3)}"
        if self.chance(0.6):
            before = [Set("x", f"x * 3 + {self.plain(0)}")] if is_plain else self.block(arm, 2).statements
        end = [Leave(word)]
        if left[0].kind == "kernel":
            end = [Keep(0, "x"), Keep(1, "y"), Return()]
        elif word == "return":
            end = [Return(self.plain(0) if is_plain else self.value(0))]
        if left[0].kind != "kernel":
            for one in left:
                one.cap = min(one.cap, level)
        return [If(condition, Block([*before, *end]), self.block(arm, 2) if self.chance(0.2) else None)]

    def is_before_leaving(self):
        return not self.is_entered and self.chance(BEFORE_LEAVING)

    # ---- loops

    def turns(self, place, level, body, bound=None):
        """Goes through `body` (statements of a place) a few times, by a counter that is alike at a level."""
        counter, inside = self.variable("k"), place.within("loop", level)
        level = inside.level
        bound = bound or self.pick("2", "3", "5", f"(b[{self.random.randrange(TABLE)}] & 3) + 1", f"({self.leaf(level)} & 3) + 1")
        self.counters.append((counter, level))
        statements, step, form = body(inside), Set(counter, f"{counter} + 1"), self.pick("for", "while", "do")
        self.counters.pop()
        loop = Loop("for", f"{counter} < {bound}", Block(statements), step)
        if form != "for":
            loop = Loop(form, f"{counter} < {bound}", Block([step, *statements]))
        return [Set(counter, "0"), loop]

    def turns_while(self, place, level, condition, body, form="while"):
        """As long as a condition holds that is alike at a level, or a few times."""
        counter, inside = self.variable("k"), place.within("loop", level)
        limit = [Set(counter, f"{counter} + 1"), If(f"{counter} > {self.pick(3, 4, 6)}", Block([Leave("break")]))]
        return [Set(counter, "0"), Loop(form, condition, Block(limit + body(inside)))]

    def statements(self, place):
        return self.block(place).statements

    def counted(self, place):
        return self.turns(place, self.pick(*range(place.level + 1)), self.statements)

    def while_any(self, place):
        test = self.test(0)
        condition = self.pick(f"simd_any({test})", f"simd_count({test}) > 2", f"simd_all({test}) == false", f"simd_mask({test}) != 0")
        return self.turns_while(place, 1, condition, self.statements, self.pick("while", "do"))

    def until_flag(self, place):
        flag, level = self.variable("f"), self.pick(*range(place.level + 1))

        def body(inside):
            self.flags.append((flag, level))
            statements = self.statements(inside) + self.stops(inside) + self.statements(inside)
            self.flags.pop()
            return statements

        return [Set(flag, "1"), *self.turns_while(place, level, f"{flag} != 0", body, self.pick("while", "do"))]

    def stops(self, place):
        """Sets a flag that a loop around asks for, perhaps of those further out too."""
        statements = [Set(flag, "0") for flag, level in self.flags[-self.pick(1, 1, 2):] if level <= place.level]
        if not statements:
            return self.sums(place)
        level = max(level for _, level in self.flags)
        if level > place.level:
            return self.sums(place)
        continues = place.left_by("continue")
        if continues and self.chance(0.4):
            statements.append(Leave("continue"))
            for one in continues:
                one.cap = min(one.cap, level)
        return [If(self.condition(level), Block(statements))]

    def first_turn(self, place):
        flag, level = self.variable("f"), self.pick(*range(place.level + 1))

        def body(inside):
            before = self.statements(inside)
            arm = inside.arm(level)
            first = [Set(flag, "0"), *self.statements(arm)]
            others = self.block(arm) if self.chance(0.6) else None
            return [*before, If(f"{flag} != 0", Block(first), others), *self.statements(inside)]

        return [Set(flag, "1"), *self.turns(place, level, body)]

    def machine(self, place):
        """States, by a switch or a chain of `if`."""
        state, level, count, is_switch = self.variable("n"), self.pick(*range(place.level + 1)), self.pick(2, 3, 4), self.chance(0.7)

        def goes(inside):
            if inside.level < level:  # some have left, and stay in their state
                return []
            others = [self.pick(str(self.random.randrange(count + 1)), f"({state} + 1) & 3", f"{self.plain(level)} & 3") for _ in range(2)]
            if self.chance(0.4):
                return [Set(state, others[0])]
            ends = [Leave("continue")] if self.chance(0.4) else []
            return [If(self.condition(level), Block([Set(state, others[0]), *ends]), Block([Set(state, others[1])]))]

        def body(inside):
            if not is_switch:
                chain = None
                for number in reversed(range(count)):
                    arm = inside.arm(level)
                    chain = Block([If(f"{state} == {number}", Block(self.statements(arm) + goes(arm)), chain)])
                return chain.statements + self.statements(inside)
            cases = [Label(number) for number in range(count)]
            switch = self.switch(inside, level, state, cases, goes)
            return [switch, *(self.statements(inside) if self.chance(0.4) else [])]

        bounded = self.turns(place, level, body, "6") if self.chance(0.4) else self.turns_while(place, level, f"{state} < {count}", body)
        return [Set(state, f"{self.plain(level)} & 3"), *bounded]

    def switch(self, place, level, value, cases, end=lambda inside: []):
        labels, self.labels, statements, inside = self.labels, [], [], place.within("switch", level)
        for case in cases:
            statements += [case, *self.statements(inside), *end(inside)]
            if self.chance(0.7):
                statements.append(Leave("break"))
        self.labels = labels
        return Switch(value, cases, Block(statements))

    def cases(self, place):
        level = self.any_level(place)
        numbers = self.random.sample([0, 1, 2, 3, None], self.random.randrange(1, 5))
        return [self.switch(place, level, f"{self.plain(level)} & 3", [Label(number) for number in numbers])]

    def entered(self, place):
        """A loop that a switch jumps into (Duff's device)."""
        level = self.pick(*range(place.level + 1))
        labels, first, self.labels = self.labels, Label(0), [Label(number) for number in range(1, self.pick(2, 3, 4))]
        inside, all_labels, was_entered = place.within("switch", level), list(self.labels), self.is_entered
        self.is_entered = True
        statements = [first, *self.turns(inside, level, lambda one: self.block(one, 4).statements)]
        cases = [first, *(label for label in all_labels if label not in self.labels)]
        self.labels, self.is_entered = labels, was_entered
        value = self.plain(level)
        while not any(name in value for name in "xysu"):  # by its head too, as far as anybody knows (docs/limits.md)
            value = self.plain(level)
        return [Switch(f"{value} & {self.pick(1, 3)}", cases, Block(statements))]

    # ---- one after the other

    def waterfall(self, place):
        """Each turn is for those who have the first one's key."""
        key, first, done = self.variable("key"), self.variable("first"), self.variable("done")
        body, inside = self.statements(place.within("closed", 0)), place.within("closed", 0)
        take, is_mine = Set(first, f"simd_broadcast_first({key})"), f"{key} == {first}"
        forms = ["flag", "do", "key"] + (["break", "continue", "state"] * 2 if self.is_before_leaving() else [])
        rest = self.statements(inside) if self.chance(0.4) else []
        loop = {
            "flag": Loop("while", f"{done} == 0", Block([take, If(is_mine, Block([*body, Set(done, "1")])), *rest])),
            "do": Loop("do", f"{key} != {first}", Block([take, If(is_mine, Block(body)), *rest])),
            "key": Loop("while", "true", Block([take, If(is_mine, Block([*body, Set(key, "-1")])), *rest, If(f"{key} == -1", Block([Leave("break")]))])),
            "break": Loop("while", "true", Block([take, If(is_mine, Block([*body, Leave("break")])), *rest])),
            "continue": Loop("while", "true", Block([take, If(f"{key} != {first}", Block([*rest, Leave("continue")])), *body, Leave("break")])),
            "state": Loop("while", "true", Block([take, If(is_mine, Block([*body, Set(done, "2")]), Block([Set(done, f"{self.plain(0)} & 1")])),
                                                  If(f"{done} == 1", Block([Set("y", "y + 7"), Leave("continue")])),
                                                  If(f"{done} == 2", Block([Leave("break")])), *rest])),
        }[self.random.choice(forms)]
        return [Set(key, f"{self.leaf(0)} & {self.pick(1, 3, 7)}"), Set(done, "0"), loop]

    def one_by_one(self, place):
        """Lanes of a mask, from the lowest bit on."""
        mask, inside = self.variable("mask"), place.within("closed", 1)
        turn = [If(f"({mask} & -{mask}) == (1 << lane)", self.block(inside.arm(0), 2)), *self.statements(inside)]
        return [Set(mask, f"simd_mask({self.test(0)})"), Loop("while", f"{mask} != 0", Block([*turn, Set(mask, f"{mask} & ({mask} - 1)")]))]

    def locked(self, place):
        self.locks += 1
        at = self.locks  # its functions have locks of their own
        done, ticket = self.variable("done"), self.variable("ticket") if self.chance(0.4) else None
        labels, self.labels = self.labels, []
        body = [Count(COUNTS + at, self.plain(0), alone=True)]
        if self.chance(0.5):
            self.is_lockstep_only = True
            body += self.block(place.within("locked", 0), 1).statements
        self.labels = labels
        forms = ["do", "while", "for"] + (["break"] * 2 if self.is_before_leaving() else [])
        return [Locked(self.random.choice(forms), at, Block(body), done, ticket)]

    # ---- functions, and the whole

    def call(self, place):
        known = [function for function in self.functions if function.level <= place.level]
        function = self.random.choice(known) if known and self.chance(0.5) else self.function(place)
        return [Call(self.pick("x", "y"), function, self.value(0), self.value(0))]

    def function(self, place):
        level, kept = self.pick(*range(place.level + 1)), (self.variables, self.counters, self.labels, self.flags, self.is_entered)
        self.variables, self.counters, self.labels, self.flags, self.is_entered = [], [], [], [], False
        statements = self.statements(Place(level, (Inside("function", level),), place.depth + 1))
        function = Function(f"part{len(self.functions)}", level, self.variables, Block([*statements, Return(self.value(0))]))
        self.functions.append(function)
        self.variables, self.counters, self.labels, self.flags, self.is_entered = kept
        return function

    def expect(self, numbers, table, threads):
        """What threadgroups of so many threads keep, thread by thread, and what they have counted."""
        kept, counts = np.zeros((len(numbers), KEPT), np.int32), np.zeros(COUNTS + LOCKS, np.int64)
        for begin in range(0, len(numbers), threads):
            a, lane = numbers[begin:begin + threads], np.arange(threads) % 32
            zero = np.zeros(threads, np.int32)
            own = {"a": a, "x": a, "y": table[lane], "u": zero + table[0], "s": table[np.arange(threads) // 32], "result": zero}
            lanes = Lanes(threads, {**own, **{name: zero for name in [*self.variables, *(f"o{k}" for k in range(KEPT))]}}, table)
            self.body.run(lanes, lanes.alive.copy(), Exits(lanes.nobody(), lanes.nobody(), lanes.nobody()))
            kept[begin:begin + threads] = np.transpose([lanes.numbers[f"o{k}"] for k in range(KEPT)])
            for at, count in lanes.counts.items():
                counts[at] += count
        return kept.reshape(-1), counts.astype(np.int32)
