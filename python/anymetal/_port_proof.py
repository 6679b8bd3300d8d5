"""The proof of a port: original and port side by side, on the same random arrays, here.

The original runs by `anymetal.Library`, the port as its user would call it: the module's own text is executed, and its function called. Nobody says what
a kernel's numbers mean, so several sets of sizes are tried, and those kept with which the original stays within its buffers. An element counts as written if
two runs of the original, over different contents of the output, leave the same there.
"""

from __future__ import annotations

import contextlib
import random
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ._errors import CompileError, KernelError, StoppedError, UnsupportedError
from ._kernel_file import Array
from ._library import Buffer, Library
from ._port_text import SCALARS, Argument, Ported, layout, struct_format

LENGTH = re.compile(r"size|count|len|total|num|elements|^n$|^N$", re.IGNORECASE)


@dataclass
class Given:
    """What the command line says instead of chance."""

    arrays: dict[str, Array] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)
    grid: tuple[int, int, int] | None = None
    threadgroup: tuple[int, int, int] | None = None


@dataclass
class Verdict:
    kernel: Ported
    runs: int = 0
    written: int = 0  #: elements that were compared
    unwritten: list[str] = field(default_factory=list)
    failure: str = ""
    trials: list[tuple[int, int]] = field(default_factory=list)  #: numbers and lengths of those that ran
    is_close: bool = False  #: some floats differ by rounding: atomics add in any order

    @property
    def is_proven(self) -> bool:
        return not self.failure and self.runs > 0 and self.written > 0

    def text(self) -> str:
        if self.failure:
            return f"{self.kernel.name}: NOT proven: {self.failure}"
        words = "equal within rounding (atomics of floats add in any order)" if self.is_close else "equal, bit for bit"
        note = "; not written by the kernel: " + ", ".join(self.unwritten) if self.unwritten else ""
        return f"{self.kernel.name}: {self.runs} runs beside the original, {self.written:,} elements {words}{note}"


@dataclass
class Trial:
    """One launch."""

    length: int  #: elements (of the kernel's type) in every array
    numbers: Callable[[Argument | str, random.Random], int]
    grid: tuple[int, int, int]
    threadgroup: tuple[int, int, int]
    flag: int  #: for function constants
    memory: int = 512
    use_defaults: bool = False


def trials(kernel: Ported, given: Given) -> Iterator[Trial]:
    """From likely to desperate; the arrays are large beside what small numbers can reach."""
    dimensions = 1
    for each in kernel.of_role("attribute"):
        dimensions = max(dimensions, int(each.type[-1]) if each.type[-1] in "23" else 1)
    grids = {1: [((253, 1, 1), (64, 1, 1)), ((128, 1, 1), (128, 1, 1)), ((64, 1, 1), (32, 1, 1))],
             2: [((13, 9, 1), (8, 4, 1)), ((16, 16, 1), (16, 16, 1)), ((8, 8, 1), (8, 8, 1))],
             3: [((7, 5, 3), (4, 2, 2)), ((16, 16, 1), (16, 16, 1)), ((64, 2, 2), (32, 1, 1))]}[dimensions]
    if given.grid:
        grids = [(given.grid, given.threadgroup or (min(256, given.grid[0]), 1, 1))]
    elif given.threadgroup:
        grids = [(tuple(2 * each if each > 1 else 1 for each in given.threadgroup), given.threadgroup)]
    for n, (grid, threadgroup) in enumerate(grids):
        total = grid[0] * grid[1] * grid[2]
        def likely(of: Any, chance: random.Random, total: int = total) -> int:
            name = of if isinstance(of, str) else of.name
            return max(1, total - 3) if LENGTH.search(name) and "num" not in name else chance.randint(3, 9)
        yield Trial(8192, likely, grid, threadgroup, n, use_defaults=n == 0)
        for number in (4, 8):
            yield Trial(8192, lambda of, chance, number=number, likely=likely: likely(of, chance) if LENGTH.search(of if isinstance(of, str) else of.name) else number,
                        grid, threadgroup, n + number % 3)
        for number in (16, 4, 8, 1):
            yield Trial(8192, lambda of, chance, number=number: number, grid, threadgroup, n + number % 3)
    if not given.grid:
        few = tuple(min(each, 5 if axis == 0 else 1) for axis, each in enumerate(grids[0][0]))
        for number in (5, 1):
            yield Trial(5, lambda of, chance, number=number: number, few, few, 1, memory=64)


class Runner:
    def __init__(self, kernel: Ported, library: Library, function: Callable[..., Any], mx: Any, given: Given) -> None:
        self.kernel, self.library, self.function, self.mx, self.given = kernel, library, function, mx, given

    def prove(self, valid: list[int] | None = None, wanted: int = 4) -> Verdict:
        """`valid`: the trials with which the original stays within its buffers, if that is known; else all are tried."""
        verdict = Verdict(self.kernel)
        refused = ""
        for n, trial in enumerate(trials(self.kernel, self.given)):
            if len([each for each in verdict.trials if each[1] > 5]) >= wanted and trial.length > 5 or valid is not None and n not in valid:
                continue
            try:
                done = self._run(trial, random.Random(n), verdict)
            except (KernelError, ValueError, StoppedError) as error:
                refused = refused or str(error).split("\n")[0]
                continue
            except (CompileError, UnsupportedError) as error:
                verdict.failure = "the original can't be compiled:\n" + str(error)
                return verdict
            if verdict.failure:
                return verdict
            verdict.runs += done
            if done:
                verdict.trials.append((n, trial.length))
        if not verdict.runs:
            verdict.failure = ("the original ran with none of the sizes that were tried; say some: --grid 1024 --threadgroup 64 --argument "
                               f"x:float32[1024] --argument n=1024 (the first refusal: {refused})")
        elif not verdict.written:
            verdict.failure = "the original wrote nothing with the sizes that were tried; say some: --grid 1024 --argument x:float32[1024] --argument n=1024"
        return verdict

    # Values ----------------------------------------------------------------------------------------------------------------------

    def _number(self, element: str, of: Any, trial: Trial, chance: random.Random) -> Any:
        if element == "bool":
            return bool(trial.flag & 1)
        if element in ("float", "half", "bfloat"):
            return round(chance.uniform(0.5, 2), 3)
        if element == "complex64_t":
            return complex(1.5, -0.5)
        return min(trial.numbers(of, chance), 100 if element in ("char", "uchar") else 30000)

    def _array(self, argument: Argument, trial: Trial, chance: random.Random) -> Any:
        """Random contents: floats of small size, integers that may be indices."""
        mx = self.mx
        if argument.name in self.given.arrays:
            one = self.given.arrays[argument.name]
            return mx.array(memoryview(bytearray(one.bytes()))).view(getattr(mx, argument.dtype)).reshape(one.shape)
        units = min(trial.length, 7 // argument.per_unit) if argument.needs_constant else trial.length
        key = mx.random.key(chance.randrange(1 << 30))
        if argument.members and argument.element == "uchar":
            return self._structs(argument, units, chance)
        count = units * argument.per_unit
        if argument.element == "bool":
            return mx.random.bernoulli(0.5, (count,), key=key)
        if argument.element in ("float", "half", "bfloat"):
            return mx.random.uniform(-2, 2, (count,), key=key).astype(getattr(mx, argument.dtype))
        if argument.element == "complex64_t":
            return mx.random.uniform(-2, 2, (2 * count,), key=key).view(mx.complex64)
        return mx.random.randint(0, 5, (count,), key=key).astype(getattr(mx, argument.dtype))

    def _structs(self, argument: Argument, units: int, chance: random.Random) -> Any:
        form = struct_format(argument.members, argument.size)
        rows = []
        for _ in range(min(units, 256)):
            values: list[Any] = []
            for _, element, vectors, parts, _, _ in layout(argument.members, argument.size):
                draw = (lambda: chance.uniform(-2, 2)) if element in ("float", "half") else (lambda: chance.randint(0, 1)) if element == "bool" else (lambda: chance.randint(0, 4))
                values += [draw() for _ in range(vectors * parts)]
            rows.append(struct.pack(form, *values).ljust(argument.size, b"\0"))
        data = (b"".join(rows) * (units // len(rows) + 1))[:units * argument.size]
        return self.mx.array(memoryview(data))

    def _bytes(self, array: Any) -> bytearray:
        if array.size == 0:
            return bytearray(16)
        return bytearray(memoryview(self.mx.contiguous(array).reshape(-1).view(self.mx.uint8)))

    # Runs ------------------------------------------------------------------------------------------------------------------------

    def _run(self, trial: Trial, chance: random.Random, verdict: Verdict) -> int:
        kernel = self.kernel
        if kernel.of_role("owned"):  # the port demands a thread for each element
            most = max([len(each.bytes()) for each in self.given.arrays.values()], default=trial.length)
            trial.grid, trial.threadgroup = (max(trial.grid[0], most), 1, 1), (trial.threadgroup[0], 1, 1)
        values, original = {}, []
        for each in kernel.arguments:
            if "[[buffer(" not in each.declaration:
                continue
            value, other = self._value(each, trial, chance)
            values[each.name] = value
            original.append(other)
        constants = {each.name: self.given.constants.get(each.name, self._number(each.type, each.name, trial, chance) if each.type in ("bool", "float", "half") else trial.flag % 4)
                     for each in kernel.constants}
        for each in kernel.constants:
            if each.asks_defined and trial.flag == 2:
                del constants[each.name]
        memory = {each.name: self.given.memory.get(each.name, self._memory(each, trial) * each.size) for each in kernel.of_role("threadgroup") if each.template_name}
        threadgroup = tuple(min(a, b) for a, b in zip(trial.threadgroup, trial.grid))
        if threadgroup[0] * threadgroup[1] * threadgroup[2] > kernel.max_threads:
            return 0
        run = self.library.kernel(kernel.name, constants)
        references = [{"threadgroup": p.name, "bytes": 16} for p in run.interface if p.kind == "threadgroup" and p.name not in memory]
        lengths = {**memory, **{each["threadgroup"]: next(a.size for a in kernel.arguments if a.name == each["threadgroup"]) for each in references}}
        results = []
        for pattern in (0xA5, 0x3C):
            buffers = [bytearray(each) if isinstance(each, bytearray) else bytearray([pattern]) * each if isinstance(each, int) else each for each in original]
            run(*[Buffer(each) if isinstance(each, bytearray) else each[0] if isinstance(each, tuple) else each for each in buffers],
                grid=trial.grid, threadgroup=threadgroup, threadgroup_memory=lengths)
            results.append(buffers)
        if self.function is None:
            return 1
        ported = self._run_port(trial, values, constants, memory, threadgroup, verdict)
        if verdict.failure or ported is None:
            return 0
        self._compare(results, ported, verdict)
        return 1

    def _memory(self, argument: Argument, trial: Trial) -> int:
        """Elements, so many that all together fit into 32 KiB."""
        count = len(self.kernel.of_role("threadgroup"))
        return max(1, min(trial.memory, 16384 // count // max(1, argument.size)))

    def _value(self, each: Argument, trial: Trial, chance: random.Random) -> tuple[Any, Any]:
        """For the port's function, and for the original: bytes, a number of bytes to write, or a value."""
        if each.role == "scalar":
            value = self.given.values.get(each.name, self._number(each.element, each, trial, chance))
            return value, Buffer(self._bytes(self.mx.array([value], dtype=getattr(self.mx, each.dtype))))
        if each.role == "packed":
            return self._packed(each, trial, chance)
        if each.role in ("input", "owned", "in_place"):
            array = self._array(each, trial, chance)
            return array, self._bytes(array)
        if each.role in ("output", "atomic"):
            array = self.given.arrays.get(each.name)
            units = (len(array.bytes()) // each.size if array else trial.length)
            return units * each.per_unit, (bytearray(units * each.size) if each.role == "atomic" else units * each.size)
        return None, bytearray(max(16, 8192 * each.size))

    def _packed(self, each: Argument, trial: Trial, chance: random.Random) -> tuple[Any, Any]:
        given = self.given.values.get(each.name)
        fields, flat = [], []
        for name, element, vectors, rows, _, _ in layout(each.members, each.size):
            count = vectors * rows
            value = given.get(name) if isinstance(given, dict) else given
            numbers = [self._number(element, name or each, trial, chance) for _ in range(count)] if value is None else list(value) if isinstance(value, (list, tuple)) else [value]
            fields.append(tuple(numbers) if count > 1 or not name else numbers[0])
            flat += [_bfloat(number) for number in numbers] if element == "bfloat" else numbers
        data = struct.pack(struct_format(each.members, each.size), *flat).ljust(each.size, b"\0")
        value = fields if each.is_struct else fields[0]
        return value, bytearray(data)

    def _run_port(self, trial: Trial, values: dict[str, Any], constants: dict[str, Any], memory: dict[str, int], threadgroup: tuple[int, ...], verdict: Verdict) -> Any:
        kernel = self.kernel
        call: dict[str, Any] = {}
        module = self.function.__globals__
        for each in kernel.arguments:
            if each.is_input:
                value = values[each.name]
                if each.role == "packed" and each.is_struct:
                    value = module[self.function.__annotations__[each.python]](*value)
                call[each.python] = value
            elif each.role in ("output", "atomic"):
                likes = [one for one in kernel.arguments if one.name == each.like and one.is_input]
                if not (trial.use_defaults and likes and values[likes[0].name].size == values[each.name]):
                    call[f"{each.python}_shape"] = (values[each.name],)
            elif each.role == "threadgroup" and each.template_name:
                call[each.template_name] = memory[each.name] // each.size
        for each in kernel.constants:
            if each.name in constants:
                call[each.python] = constants[each.name]
        for name, kind, value in kernel.templates:
            if kind == "dtype" and name in self.function.__annotations__:
                call[name] = getattr(self.mx, SCALARS[value][0])
            elif kind == "int":
                call[name] = int(value)
            elif kind == "bool":
                call[name] = value == "true"
        try:
            found = self.function(**call, grid=trial.grid, threadgroup=threadgroup)
            found = list(found) if isinstance(found, tuple) else [found]
            self.mx.eval(found)
        except (CompileError, UnsupportedError, KernelError, ValueError, TypeError, RuntimeError) as error:
            verdict.failure = f"the port fails where the original runs: {type(error).__name__}: {error}"
            return None
        return found

    def _compare(self, results: list[list[Any]], found: list[Any], verdict: Verdict) -> None:
        kernel = self.kernel
        buffers = [each for each in kernel.arguments if "[[buffer(" in each.declaration]
        unwritten = []
        for output, array in zip(kernel.outputs, found):
            first, second = (result[buffers.index(output)] for result in results)
            own = self._bytes(array)
            width = SCALARS[output.element][2]
            if len(own) != len(first):
                verdict.failure = f"`{output.name}` has {len(own)} bytes, and the original's {len(first)}"
                return
            is_fresh = output.role == "output"
            count = len(first) // width
            missing = 0
            for n in range(count):
                part = slice(n * width, (n + 1) * width)
                if is_fresh and first[part] != second[part]:
                    missing += 1
                    continue
                verdict.written += 1
                if first[part] == own[part] or _is_close(output.element, first[part], own[part], second[part], verdict):
                    continue
                verdict.failure = f"`{output.name}`[{n}] is {_shown(output.element, own[part])} from the port and {_shown(output.element, first[part])} from the original"
                return
            if missing:
                unwritten.append(f"{missing:,} of {count:,} elements of `{output.name}`")
        verdict.unwritten = unwritten if not verdict.runs or len(unwritten) < len(verdict.unwritten) else verdict.unwritten


def _bfloat(value: float) -> int:
    return (struct.unpack("<I", struct.pack("<f", value))[0] + 0x8000) >> 16


def _decoded(element: str, data: bytes | bytearray) -> Any:
    if element == "bfloat":
        return struct.unpack("<f", b"\0\0" + bytes(data))[0]
    if element == "complex64_t":
        return complex(*struct.unpack("<2f", data))
    return struct.unpack("<" + SCALARS[element][1], data)[0]


def _shown(element: str, data: bytes | bytearray) -> str:
    return str(_decoded(element, data))


def _is_close(element: str, first: bytearray, own: bytearray, second: bytearray, verdict: Verdict) -> bool:
    """NaN is NaN. Where two runs of the original differ, or only atomics write, floats may be off by what the order of sums does."""
    if element not in ("float", "half", "bfloat", "complex64_t"):
        return False
    a, b = _decoded(element, first), _decoded(element, own)
    if a != a and b != b:
        return True
    if verdict.kernel.of_role("atomic") or first != second:
        with contextlib.suppress(OverflowError):
            if abs(a - b) <= 1e-4 * max(abs(a), abs(b), 1e-3):
                verdict.is_close = True
                return True
    return False
