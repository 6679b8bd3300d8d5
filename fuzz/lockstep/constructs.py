"""What kernels are made of: each statement's lines in Metal, and what it does to lanes that go through it in lockstep.

`run(lanes, there, exits)` takes those who come to the statement and returns those who come out at its end, together. Who leaves by another
way waits in `exits` until the others are there: behind the loop or switch (`broken`), at the end of the turn (`continued`), behind
the call (`returned`).
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

RELAXED = "memory_order_relaxed"


class UndefinedError(Exception):
    """Metal doesn't say what this kernel does."""


@dataclass
class Exits:
    broken: np.ndarray
    continued: np.ndarray
    returned: np.ndarray


def indented(lines):
    return ["  " + line for line in lines]


def labels_in(statement):
    """All that stand in it, also deep inside."""
    if isinstance(statement, Label):
        return [statement]
    return [label for part in vars(statement).values() if isinstance(part, Block) for label in part.labels]


@dataclass
class Block:
    statements: list

    @cached_property
    def labels(self):
        return [label for one in self.statements for label in labels_in(one)]

    def text(self):
        return [line for one in self.statements for line in one.text()]

    def run(self, lanes, there, exits):
        for one in self.statements:
            if there.any() or lanes.is_awaited(labels_in(one)):
                there = one.run(lanes, there, exits)
        return there


@dataclass
class Choice:
    """An expression of which each lane evaluates one side alone; with one side, `and` or `or`."""

    condition: str
    yes: str
    no: str

    def __str__(self):
        if self.no == "false":
            return f"({self.condition}) && ({self.yes})"
        return f"({self.condition}) || ({self.no})" if self.yes == "true" else f"({self.condition}) ? {self.yes} : {self.no}"

    def of(self, lanes, there):
        goes = lanes.where(self.condition, there)
        yes, no = lanes.value(self.yes, there & goes), lanes.value(self.no, there & ~goes)
        return np.where(goes, yes, no)


@dataclass
class Set:
    name: str
    value: str

    def text(self):
        return [f"{self.name} = {self.value};"]

    def run(self, lanes, there, exits):
        lanes.set(self.name, lanes.value(self.value, there), there)
        return there


@dataclass
class Keep:
    """Adds to one of the thread's results."""

    at: int
    value: str

    def text(self):
        return [f"o[{self.at}] += {self.value};"]

    def run(self, lanes, there, exits):
        lanes.set(f"o{self.at}", lanes.numbers[f"o{self.at}"] + lanes.value(self.value, there), there)
        return there


@dataclass
class Count:
    """Adds to a number that all threads share: at once, or by a load and a store for which the thread must be alone."""

    at: int
    value: str
    alone: bool = False

    def text(self):
        if not self.alone:
            return [f"atomic_fetch_add_explicit(counts + {self.at}, {self.value}, {RELAXED});"]
        return [f"atomic_store_explicit(counts + {self.at}, atomic_load_explicit(counts + {self.at}, {RELAXED}) + ({self.value}), {RELAXED});"]

    def run(self, lanes, there, exits):
        lanes.counts[self.at] = lanes.counts.get(self.at, 0) + int(lanes.value(self.value, there)[there].sum())
        return there


@dataclass
class Exchange:
    """Numbers of other threads through threadgroup memory: of the whole threadgroup, or of the simdgroup."""

    by: int
    of_all: bool

    def text(self):
        barrier = f"{'threadgroup' if self.of_all else 'simdgroup'}_barrier(mem_flags::mem_threadgroup);"
        return ["t[lid] = x;", barrier, f"x = x + t[{f'(lid + {self.by}) % T' if self.of_all else f'lid ^ {self.by}'}];", barrier]

    def run(self, lanes, there, exits):
        groups = lanes.index * 0 if self.of_all else lanes.index // 32
        if np.isin(groups[there], groups[lanes.alive & ~there]).any():
            raise UndefinedError("some pass the barrier by")
        lanes.shared[lanes.index[there]] = lanes.numbers["x"][there]
        other = (lanes.index + self.by) % lanes.count if self.of_all else lanes.index ^ self.by
        lanes.set("x", lanes.numbers["x"] + lanes.shared[other], there)
        return there


@dataclass
class If:
    condition: str
    yes: Block
    no: Block = None

    def text(self):
        otherwise = ["} else {", *indented(self.no.text())] if self.no else []
        return [f"if ({self.condition}) {{", *indented(self.yes.text()), *otherwise, "}"]

    def run(self, lanes, there, exits):
        goes = lanes.where(self.condition, there)
        stays = there & ~goes
        return self.yes.run(lanes, goes, exits) | (self.no.run(lanes, stays, exits) if self.no else stays)


@dataclass
class Loop:
    """`for` without a first value, `while` or `do`."""

    form: str
    condition: str
    body: Block
    step: Set = None

    def text(self):
        body = indented(self.body.text())
        if self.form == "do":
            return ["do {", *body, f"}} while ({self.condition});"]
        head = f"for (; {self.condition}; {self.step.text()[0][:-1]})" if self.form == "for" else f"while ({self.condition})"
        return [head + " {", *body, "}"]

    def run(self, lanes, there, exits):
        left, inside = lanes.nobody(), replace(exits, broken=lanes.nobody(), continued=lanes.nobody())
        if self.form != "do":
            left |= there & ~(there := lanes.where(self.condition, there))
        while there.any() or lanes.is_awaited(self.body.labels):
            there = self.body.run(lanes, there, inside) | inside.continued
            inside.continued[:] = False
            if self.step:
                self.step.run(lanes, there, exits)
            left |= there & ~(there := lanes.where(self.condition, there))
        return left | inside.broken


@dataclass(eq=False)
class Label:
    """Of a switch; without a number: `default`."""

    number: int = None

    def text(self):
        return ["default:;" if self.number is None else f"case {self.number}:;"]

    def run(self, lanes, there, exits):
        return there | lanes.waiting.pop(self, lanes.nobody())


@dataclass
class Switch:
    """Its labels may stand anywhere in its body."""

    value: str
    cases: list
    body: Block

    def text(self):
        return [f"switch ({self.value}) {{", *indented(self.body.text()), "}"]

    def run(self, lanes, there, exits):
        value, inside = lanes.value(self.value, there), replace(exits, broken=lanes.nobody())
        others = there & ~np.isin(value, [label.number for label in self.cases if label.number is not None])
        for label in self.cases:
            goes = others if label.number is None else there & (value == label.number)
            if goes.any():
                lanes.waiting[label] = goes
        if all(label.number is not None for label in self.cases):
            inside.broken |= others
        return self.body.run(lanes, lanes.nobody(), inside) | inside.broken


@dataclass
class Leave:
    """`break` or `continue`."""

    word: str

    def text(self):
        return [f"{self.word};"]

    def run(self, lanes, there, exits):
        waiting = exits.broken if self.word == "break" else exits.continued
        waiting |= there
        return lanes.nobody()


@dataclass
class Return:
    """Of a function with a value; without one, of the kernel."""

    value: str = None

    def text(self):
        return [f"return {self.value};" if self.value else "return;"]

    def run(self, lanes, there, exits):
        if self.value:
            lanes.set("result", lanes.value(self.value, there), there)
            exits.returned |= there
        else:
            lanes.alive &= ~there
        return lanes.nobody()


# What all of a kernel's functions know; their own copies of the first four.
OWN = {"x": "int", "y": "int", "u": "int", "s": "int"}
PARAMETERS = {**OWN, "a": "int", "lane": "int", "lid": "int", "sg": "int", "T": "int", "b": "device const int*", "o": "device int*",
              "counts": "device atomic_int*", "locks": "device atomic_int*", "t": "threadgroup int*"}


@dataclass
class Function:
    name: str
    level: int
    variables: list
    body: Block

    def text(self):
        return [f"int {self.name}({', '.join(f'{kind} {name}' for name, kind in PARAMETERS.items())}) {{",
                *indented(declared(self.variables) + self.body.text()), "}"]


def declared(variables):
    return [f"int {', '.join(f'{name} = 0' for name in variables)};"] if variables else []


@dataclass
class Call:
    """`name = function(x, y, ...)`; always ends in a return."""

    name: str
    function: Function
    x: str
    y: str

    def text(self):
        arguments = {**{name: name for name in PARAMETERS}, "x": self.x, "y": self.y}
        return [f"{self.name} = {self.function.name}({', '.join(arguments.values())});"]

    def run(self, lanes, there, exits):
        x, y = (lanes.value(value, there).astype(np.int32) for value in (self.x, self.y))
        kept = {name: lanes.numbers[name] for name in OWN}
        lanes.numbers.update({"x": x, "y": y, **{name: lanes.index * 0 for name in self.function.variables}})
        end = self.function.body.run(lanes, there, Exits(lanes.nobody(), lanes.nobody(), lanes.nobody()))
        assert not end.any()
        lanes.numbers.update(kept)
        lanes.set(self.name, lanes.numbers["result"], there)
        return there


@dataclass
class Locked:
    """One thread after the other, in an order that nobody knows; by a ticket that each takes, or whoever comes first."""

    form: str
    at: int
    body: Block
    done: str
    ticket: str = None

    def text(self):
        lock, done = f"locks + {2 * self.at}", self.done
        take, give = f"atomic_exchange_explicit({lock}, 1, {RELAXED}) == 0", f"atomic_store_explicit({lock}, 0, {RELAXED});"
        first = [f"{done} = 0;"]
        if self.ticket:
            first.append(f"{self.ticket} = atomic_fetch_add_explicit({lock} + 1, 1, {RELAXED});")
            take, give = f"atomic_load_explicit({lock}, {RELAXED}) == {self.ticket}", f"atomic_store_explicit({lock}, {self.ticket} + 1, {RELAXED});"
        turn = [f"if ({take}) {{", *indented([*self.body.text(), give, "break;" if self.form == "break" else f"{done} = 1;"]), "}"]
        if self.form == "for":
            turn.append(f"if ({done} == 1) break;")
        head, end = {"do": ("do {", f"}} while ({done} == 0);"), "while": (f"while ({done} == 0) {{", "}")}.get(self.form, ("for (;;) {", "}"))
        return [*first, head, *indented(turn), end]

    def run(self, lanes, there, exits):
        for index in np.flatnonzero(there):
            self.body.run(lanes, lanes.index == index, exits)
        return there
