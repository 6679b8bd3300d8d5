"""Runs the kernels of MLX's own headers, as they come with its wheel, and keeps what was run.

A file cover_*.py has one function for each family of kernels, marked with the header that it
instantiates:

    @covers("unary.h")
    def unary(run): ...

It asks `run.library(...)` for kernels, launches them as MLX's host code does, and reports each
result with `run.check(...)`, beside what MLX gives on the CPU, or NumPy. From these reports
docs/coverage.md is made.
"""

import contextlib
import functools
import importlib
import os
import re
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import anymetal

KERNELS = "mlx/backend/metal/kernels/"


def wheel():
    import mlx.core

    return Path(mlx.core.__file__).parent / "include"


def headers():
    """Every kernel header of the installed wheel, but those that need Metal 4's tensors."""
    root = wheel() / KERNELS
    return sorted(
        str(path.relative_to(root)) for path in root.rglob("*.h")
        if "_nax" not in path.name and path.name != "nax.h")


def kernels(header):
    """The names of the kernels in a header."""
    text = re.sub(r"//[^\n]*", "", (wheel() / KERNELS / header).read_text())
    found = re.findall(r"\[\[\s*kernel\b[^\]]*\]\]\s*(?:METAL_FUNC\s+)?void\s+(\w+)", text)
    return sorted(set(found))


def included(header):
    """The kernel headers that `header` includes, itself among them."""
    found, todo = set(), [header]
    while todo:
        each = todo.pop()
        if each in found or not (wheel() / KERNELS / each).exists():
            continue
        found.add(each)
        text = (wheel() / KERNELS / each).read_text()
        todo += re.findall(rf'#include "{re.escape(KERNELS)}([^"]+)"', text)
        todo += [
            str((Path(each).parent / name)) for name in re.findall(r'#include "([^"/]+)"', text)
        ]
    return found


# MLX's names of types, NumPy's, and Metal's as MLX writes them.
METAL = {
    "bool": "bool", "uint8": "uint8_t", "uint16": "uint16_t", "uint32": "uint32_t",
    "uint64": "uint64_t", "int8": "int8_t", "int16": "int16_t", "int32": "int32_t",
    "int64": "int64_t", "float16": "half", "bfloat16": "bfloat16_t", "float32": "float",
    "complex64": "complex64_t"
}
FLOATS = ["float32", "float16", "bfloat16"]
INTEGERS = ["uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"]


def storage(dtype):
    """NumPy's dtype of the bytes: bfloat16 is kept as uint16."""
    return np.dtype("uint16" if dtype == "bfloat16" else dtype)


def encode(values, dtype):
    """Values to the bytes that a kernel reads."""
    if dtype != "bfloat16":
        return np.ascontiguousarray(np.asarray(values).astype(storage(dtype)))
    bits = np.ascontiguousarray(np.asarray(values, np.float32)).view(np.uint32).astype(np.uint64)
    rounded = ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return np.where(np.isnan(np.asarray(values, np.float32)), np.uint16(0x7fc0), rounded)


def decode(array, dtype):
    """What a kernel wrote, as values."""
    if dtype != "bfloat16":
        return array
    return (array.astype(np.uint32) << 16).view(np.float32)


def to_mlx(array, dtype):
    """The same bytes as an MLX array."""
    import mlx.core as mx

    made = mx.array(array)
    return made.view(mx.bfloat16) if dtype == "bfloat16" else made


def from_mlx(array):
    """An MLX array's values in NumPy (bfloat16 as float32)."""
    import mlx.core as mx

    return np.array(array.astype(mx.float32) if array.dtype == mx.bfloat16 else array)


@functools.lru_cache(maxsize=64)
def _library(text, macros):
    return anymetal.Library(text, include_dirs=[str(wheel())], macros=dict(macros),
                            name="coverage.metal")


class Kernels:
    """A library whose kernels take arrays by their bytes, since NumPy has no bfloat16."""
    def __init__(self, library):
        self.library = library

    def kernel(self, name, constants=None):
        made = self.library.kernel(name, constants)

        def launch(*arguments, **sizes):
            made(
                *(anymetal.Buffer(each) if isinstance(each, np.ndarray) and each.ndim else each
                  for each in arguments), **sizes)

        return launch


@dataclass
class Row:
    """What was run of one kernel template for one type."""

    kernel: str
    dtype: str
    shapes: list = field(default_factory=list)
    worst: float = 0.0  # largest error, as a share of what was allowed
    special: bool = False  # NaN or infinity was among the inputs
    oracle: str = "MLX on the CPU"


class Run:
    def __init__(self, header, also=()):
        self.header = header
        self.includes = ("utils.h", *also, header)
        self.rows = {}
        self.names = {}  # of host names, what they stand for

    def library(self, instances, text="", macros=(), before=""):
        """Kernels {host name: "template<arguments>"} of this header. `before` comes before the
        headers, `text` after them."""
        # As most of MLX's .metal files begin.
        head = "#include <metal_stdlib>\nusing namespace metal;\n" + before
        head += "".join(f'#include "{KERNELS}{name}"\n' for name in self.includes)
        self.names |= {name: what.split("<")[0] for name, what in instances.items()}
        kernels = "".join(f'template [[host_name("{name}")]] [[kernel]] decltype({what}) {what};\n'
                          for name, what in instances.items())
        return Kernels(_library(head + text + kernels, tuple(macros)))

    def check(self, kernel, dtype, shape, actual, expected, rtol=0.0, atol=0.0, oracle=None,
              special=False):
        """Compares; exact unless said otherwise, NaN equal to NaN, infinities exact. Keeps the row.
        `special`: NaN or infinity was among the inputs, though the result doesn't show it."""
        actual, expected = np.asarray(actual), np.asarray(expected)
        row = self.rows.setdefault((kernel, dtype), Row(kernel, dtype))
        row.oracle = oracle or row.oracle
        row.special |= special
        row.shapes.append(tuple(shape))
        where = f"{kernel} {dtype} {shape}"
        assert actual.shape == expected.shape, f"{where}: {actual.shape}, not {expected.shape}"
        if expected.dtype.kind in "fc":
            same = self._compare(row, actual, expected, rtol, atol)
        else:
            same = actual == expected
        if not np.all(same):
            at = np.unravel_index(np.argmin(same), same.shape)
            raise AssertionError(
                f"{where} at {tuple(map(int, at))}: got {actual[at]!r}, expected {expected[at]!r}; "
                f"{int((~same).sum())} of {same.size} differ")

    @staticmethod
    def _compare(row, actual, expected, rtol, atol):
        """Where they agree. A complex number is NaN if a part is; else its parts are compared."""
        nan = np.isnan(expected)
        row.special |= bool((~np.isfinite(expected)).any())
        with np.errstate(all="ignore"):
            allowed = atol + rtol * np.where(np.isfinite(expected), np.abs(expected), 0)
            allowed = np.broadcast_to(np.nan_to_num(allowed, posinf=0), expected.shape)
        same = np.where(nan, np.isnan(actual), True)
        for part, wanted in ((actual.real, expected.real), (actual.imag, expected.imag)):
            finite = np.isfinite(wanted)
            with np.errstate(all="ignore"):
                error = np.abs(
                    np.where(finite, part, 0).astype(np.float64) - np.where(finite, wanted, 0))
            same &= nan | np.where(finite, error <= allowed, part == wanted)
            judged = (allowed > 0) & ~nan
            if judged.any():
                row.worst = max(row.worst, float(np.max(error[judged] / allowed[judged])))
        return same


FAMILIES = []  # (header, function)


def covers(header, *also):
    """Marks a family of `header`, which needs the headers `also` before it, as MLX's .metal files
    include them."""
    def mark(function):
        function.also = also
        FAMILIES.append((header, function))
        return function

    return mark


def reached(families):
    """{header: the family's header through which it is compiled}."""
    return {
        name: header
        for header, family in families
        for each in ("utils.h", *family.also, header)
        for name in included(each)
    }


def load_families():
    """Each file once: some of them take things from others."""
    for path in sorted(Path(__file__).parent.glob("cover_*.py")):
        importlib.import_module(path.stem)
    return FAMILIES


PAGE = Path(__file__).resolve().parents[2] / "docs" / "coverage.md"
HEAD = """# MLX's own kernels, run here

Generated by `./dev bless coverage` from a run of `test/coverage/` against the headers in MLX's
wheel; do not edit. Each kernel was instantiated from there, run as MLX's host code runs it, and
compared. Kernels that MLX generates as text are those of its host code.

| Header | Kernel | Types | Shapes | NaN, Inf | Compared with |
|---|---|---|---|---|---|
"""


def lines(header, rows):
    """The page's lines about one family: one for each kernel."""
    grouped = defaultdict(list)
    for row in rows:
        grouped[row.kernel].append(row)
    for kernel, each in sorted(grouped.items()):
        shapes = dict.fromkeys("×".join(map(str, shape)) for row in each for shape in row.shapes)
        types = dict.fromkeys(row.dtype for row in each)
        yield " | ".join([
            f"| `{header}`", f"`{kernel}`", ", ".join(types),
            ", ".join(list(shapes)[:6]) + (", …" if len(shapes) > 6 else ""),
            "yes" if any(row.special for row in each) else "", f"{each[0].oracle} |"
        ])


class Fallbacks:
    """Kernels that the CPU executor left to the reference executor, by what anymetal logs about each that it compiles:
    needs ANYMETAL_LOG=debug, and a cache that is empty."""
    def __init__(self):
        self.compiled = 0
        self.found = {}  # (header, kernel, why): how many

    @contextlib.contextmanager
    def of(self, run):
        sys.stderr.flush()
        with tempfile.TemporaryFile() as log:
            stderr = os.dup(2)
            os.dup2(log.fileno(), 2)
            try:
                yield
            finally:
                os.dup2(stderr, 2)
                os.close(stderr)
                log.seek(0)
                self.read(run, log.read().decode())

    def read(self, run, text):
        self.compiled += len(re.findall(r"compiled `", text))
        for name, why in re.findall(r"`(\S+)` runs on the reference executor: (.*)", text):
            key = run.header, run.names.get(name, name), why
            self.found[key] = self.found.get(key, 0) + 1

    def lines(self):
        count = sum(self.found.values())
        share = 100 * count / max(1, self.compiled)
        yield "\n## On the reference executor\n"
        yield (f"Of {self.compiled} kernels that were compiled for this page, each type and size of threadgroups by itself, the CPU\n"
               f"executor left {count} ({share:.1f}%) to the reference executor, under `ANYMETAL_BOUNDS=robust`{':' if count else '.'}\n")
        if self.found:
            yield "| Header | Kernel | How many | Why |\n|---|---|---|---|"
        for (header, kernel, why), count in sorted(self.found.items()):
            yield f"| `{header}` | `{kernel}` | {count} | {why} |"


def page(runs, fallbacks=None):
    """docs/coverage.md from what was run: {header: lines}."""
    through = reached(FAMILIES)
    text = HEAD
    for header in headers():
        if header in runs:
            text += "".join(f"{line}\n" for line in dict.fromkeys(runs[header]))
        elif header in through:
            text += f"| `{header}` | | | | | through `{through[header]}` |\n"
    return text + "".join(f"{line}\n" for line in fallbacks.lines()) if fallbacks else text
