"""One kernel of a file, launched once with arguments that the command line describes.

A body (what `mx.fast.metal_kernel` takes) is described as for `anymetal compile`: `--input x:float32[64,64] --output y:float32[64,64]`, on the
command line or in `//!` lines at the top of the file. A kernel of a whole file gets `--argument NAME:TYPE[SHAPE]` or `--argument NAME=VALUE`.
"""

from __future__ import annotations

import argparse
import ast
import array
import math
import random
import re
import shlex
import struct
from pathlib import Path
from typing import Any

from ._library import Buffer, Library, _native
from ._report import Failure

# Types of elements: bytes, and how random numbers of the type are written.
_FORMATS = {"float32": "f", "int32": "i", "uint32": "I", "int16": "h", "uint16": "H", "int8": "b", "uint8": "B", "bool_": "?",
            "bool": "?", "int64": "q", "uint64": "Q", "float16": "e", "bfloat16": "H", "complex64": "f"}
_SIZES = {name: struct.calcsize(each) * (2 if name == "complex64" else 1) for name, each in _FORMATS.items()}
_METAL_NAMES = {"float": "float32", "half": "float16", "bfloat": "bfloat16", "int": "int32", "uint": "uint32", "short": "int16",
                "ushort": "uint16", "char": "int8", "uchar": "uint8", "long": "int64", "ulong": "uint64"}


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("a body in a file (these may also stand in //! lines at its top)")
    group.add_argument("--input", action="append", default=[], metavar="x:float32[64,64]",
                       help="an input; its contents are random (fixed seed), or =VALUE, or =LOW..HIGH behind it")
    group.add_argument("--output", action="append", default=[], metavar="y:float32[64,64]")
    group.add_argument("--template", action="append", default=[], metavar="T=float32")
    group.add_argument("--header", metavar="FILE")
    group.add_argument("--name")
    group.add_argument("--atomic-outputs", action="store_true")
    group.add_argument("--init-value", type=float)
    group.add_argument("--math-mode", choices=["safe", "relaxed", "fast"])
    group = parser.add_argument_group("a kernel of a whole file")
    group.add_argument("--argument", action="append", default=[], metavar="x:float32[4096]", help="an array, as --input; or NAME=VALUE for numbers and structs")
    group.add_argument("--constant", action="append", default=[], metavar="NAME=VALUE", help="a function constant")
    group.add_argument("--threadgroup-memory", action="append", default=[], metavar="NAME=BYTES")
    group.add_argument("-D", dest="macro", action="append", default=[], metavar="NAME=VALUE")
    group.add_argument("-I", dest="include", action="append", default=[], metavar="FOLDER")
    group = parser.add_argument_group("both")
    group.add_argument("--grid", metavar="X,Y,Z", help="threads; without it, of a body: the elements of the first output")
    group.add_argument("--threadgroup", metavar="X,Y,Z", help="without it: 256, or as many as the grid has")


def add_own_options(path: str, text: str, options: argparse.Namespace) -> None:
    """Those in the file's //! lines; the command line wins where only one value can be."""
    words: list[str] = []
    for line in text.splitlines():
        if not line.startswith("//!"):
            break
        words += shlex.split(line[3:])
    if not words:
        return

    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> Any:
            raise Failure(f"{path}: the //! lines: {message}")

    parser = Parser(add_help=False)
    parser.add_argument("--kernel")
    add_options(parser)
    own = parser.parse_args(words)
    for name, value in vars(own).items():
        if getattr(options, name, None) in (None, False, []):
            setattr(options, name, value)


def sizes(text: str, what: str) -> list[int]:
    try:
        numbers = [int(each) for each in re.split("[,x]", text)]
        if not 1 <= len(numbers) <= 3 or min(numbers) < 1:
            raise ValueError
    except ValueError:
        raise Failure(f"--{what} {text}: one to three numbers from 1 on are a size, such as 1024 or 64,64", 2) from None
    return numbers + [1] * (3 - len(numbers))


class Array:
    """ "x:float32[64,64]", "n:int32=7", "indices:uint32[100]=0..63" """

    def __init__(self, text: str) -> None:
        match = re.fullmatch(r"(\w+):(\w+)(?:\[([\d,\s]*)\])?(?:=(.+))?", text.strip())
        if not match:
            raise Failure(f"`{text}` is no array: write NAME:TYPE[SHAPE], such as x:float32[64,64]", 2)
        self.name, dtype, shape, self.contents = match.groups()
        self.dtype = _METAL_NAMES.get(dtype, dtype)
        if self.dtype == "bool":
            self.dtype = "bool_"
        if self.dtype not in _FORMATS:
            raise Failure(f"`{text}`: there is no type `{dtype}`; types are {', '.join(n for n in _FORMATS if n != 'bool_')}", 2)
        self.shape = [int(each) for each in (shape or "").split(",") if each.strip()]

    def bytes(self) -> bytes:
        count = math.prod(self.shape) * (2 if self.dtype == "complex64" else 1)
        low, high = self._range()
        if low == high:
            return self._encode([low]) * count
        # A block of numbers again and again: quick to make, and no kernel is faster for it.
        generator = random.Random(self.name)
        is_float = "float" in self.dtype or self.dtype == "complex64"
        draw = generator.uniform if is_float else lambda a, b: generator.randint(int(a), int(b))
        block = self._encode([draw(low, high) for _ in range(min(count, 65521))])
        item = len(block) // max(min(count, 65521), 1)
        return (block * (count * item // len(block) + 1))[:count * item] if block else b""

    def _range(self) -> tuple[float, float]:
        if self.contents is None:
            return (-1.0, 1.0) if "float" in self.dtype or self.dtype == "complex64" else (0, 1 if self.dtype == "bool_" else 100)
        try:
            low, _, high = self.contents.partition("..")
            return (float(low), float(high or low)) if "float" in self.dtype else (int(low), int(high or low))
        except ValueError:
            raise Failure(f"{self.name}: ={self.contents} is neither a number nor LOW..HIGH", 2) from None

    def _encode(self, values: list[Any]) -> bytes:
        if self.dtype == "bfloat16":
            return b"".join(struct.pack("<f", each)[2:] for each in values)
        try:
            if self.dtype in ("float32", "complex64"):
                return array.array("f", values).tobytes()
            return struct.pack(f"<{len(values)}{_FORMATS[self.dtype]}", *values)
        except (struct.error, OverflowError) as error:
            raise Failure(f"{self.name}: {values[0]} is no {self.dtype}: {error}", 2) from None


def run_once(path: str, options: argparse.Namespace) -> None:
    """Launches the kernel; who records sees it."""
    try:
        text = Path(path).read_text()
    except OSError as error:
        raise Failure(f"the file {path} can't be read: {error.strerror}") from None
    add_own_options(path, text, options)
    if options.input or options.output:
        _run_body(path, text, options)
    else:
        _run_kernel(path, options)


def _pairs(words: list[str], what: str) -> list[tuple[str, str]]:
    for word in words:
        if "=" not in word:
            raise Failure(f"--{what} {word}: write NAME=VALUE", 2)
    return [(word.split("=", 1)[0], word.split("=", 1)[1]) for word in words]


def _run_body(path: str, text: str, options: argparse.Namespace) -> None:
    inputs, outputs = [Array(each) for each in options.input], [Array(each) for each in options.output]
    if not outputs:
        raise Failure(f"{path}: a body needs an output: --output y:float32[1024]", 2)
    grid = sizes(options.grid, "grid") if options.grid else [max(math.prod(outputs[0].shape), 1), 1, 1]
    header = ""
    if options.header:
        header_path = Path(options.header)
        if not header_path.exists():
            raise Failure(f"the header {options.header} isn't there")
        header = header_path.read_text()
    _native().run_body({
        "name": options.name or Path(path).name.split(".")[0],
        "source": text,
        "header": header,
        "inputs": [(each.name, each.dtype, each.shape, each.bytes()) for each in inputs],
        "outputs": [(each.name, each.dtype, each.shape, b"") for each in outputs],
        "templates": _pairs(options.template, "template"),
        "math_mode": options.math_mode or "safe",
        "atomic_outputs": bool(options.atomic_outputs),
        "init_value": options.init_value,
        "grid": grid,
        "threadgroup": _threadgroup(options, grid),
    })


def _threadgroup(options: argparse.Namespace, grid: list[int]) -> list[int]:
    return sizes(options.threadgroup, "threadgroup") if options.threadgroup else [min(256, grid[0]), 1, 1]


def _value(text: str) -> Any:
    try:
        return ast.literal_eval({"true": "True", "false": "False"}.get(text, text))
    except (ValueError, SyntaxError):
        raise Failure(f"`{text}` is no value: numbers, [lists] and {{'member': number}} are", 2) from None


def _run_kernel(path: str, options: argparse.Namespace) -> None:
    library = Library(Path(path), include_dirs=options.include, math_mode=options.math_mode or "safe",
                      macros={name: value or None for name, _, value in (each.partition("=") for each in options.macro)})
    name = options.kernel or (library.kernels[0] if len(library.kernels) == 1 else None)
    if not library.kernels:
        raise Failure(f"{path} has no kernel. If it is a body of metal_kernel, say what it gets: --input x:float32[1024] --output y:float32[1024]")
    if name is None:
        raise Failure(f"{path} has several kernels: say --kernel NAME with one of: {', '.join(library.kernels)}", 2)
    constants = {key: _value(value) for key, value in _pairs(options.constant, "constant")}
    try:
        kernel = library.kernel(name, constants)
    except ValueError as error:
        raise Failure(str(error)) from None
    given: dict[str, Any] = {}
    for word in options.argument:
        if re.match(r"\w+\s*:", word):
            one = Array(word)
            given[one.name] = Buffer(bytearray(one.bytes() or b"\0"))
        else:
            key, value = _pairs([word], "argument")[0]
            given[key] = _value(value)
    missing = [p for p in kernel.interface if p.kind == "buffer" and p.name not in given and not p.is_optional]
    if missing:
        raise Failure(f"kernel `{name}` needs arguments: {' '.join(_example(p) for p in missing)}", 2)
    if not options.grid:
        raise Failure(f"kernel `{name}` needs a grid: --grid 1024, in threads", 2)
    memory = {key: int(value) for key, value in _pairs(options.threadgroup_memory, "threadgroup-memory")}
    grid = sizes(options.grid, "grid")
    try:
        kernel(grid=grid, threadgroup=_threadgroup(options, grid), threadgroup_memory=memory, **given)
    except (ValueError, TypeError) as error:
        raise Failure(str(error)) from None


def _example(parameter: Any) -> str:
    if parameter.is_reference:
        return f"--argument {parameter.name}=1"
    names = {metal: ours for metal, ours in _METAL_NAMES.items()}
    return f"--argument {parameter.name}:{names.get(parameter.element, 'float32')}[1024]"
