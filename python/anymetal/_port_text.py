"""What `anymetal port` knows of a kernel (src/port, over the extension module), and words for it in Python."""

from __future__ import annotations

import keyword
import os
import re
from dataclasses import dataclass, field
from typing import Any

#: Metal's scalars: MLX's dtype, the letter of `struct`, bytes.
SCALARS = {"bool": ("bool_", "?", 1), "char": ("int8", "b", 1), "uchar": ("uint8", "B", 1), "short": ("int16", "h", 2), "ushort": ("uint16", "H", 2),
           "int": ("int32", "i", 4), "uint": ("uint32", "I", 4), "long": ("int64", "q", 8), "ulong": ("uint64", "Q", 8),
           "half": ("float16", "e", 2), "bfloat": ("bfloat16", "H", 2), "float": ("float32", "f", 4), "complex64_t": ("complex64", "", 8)}


@dataclass
class Argument:
    """A parameter of the original, as src/port/port.h describes it."""

    name: str
    kernel_name: str
    declaration: str
    role: str
    type: str
    element: str
    per_unit: int
    size: int
    line: int
    members: list[dict[str, Any]]
    words: str
    word_count: int
    is_optional: bool
    needs_device: bool
    needs_constant: bool
    template_name: str
    before: str
    beside: str
    like: str
    is_threads: bool
    python: str = ""  #: its name in Python

    @property
    def is_input(self) -> bool:
        return self.role in ("input", "scalar", "packed", "owned", "in_place")

    @property
    def is_output(self) -> bool:
        return self.role in ("output", "owned", "in_place", "atomic")

    @property
    def dtype(self) -> str:
        return SCALARS[self.element][0]

    @property
    def is_struct(self) -> bool:
        return bool(self.members) and bool(self.members[0]["name"])


@dataclass
class Constant:
    """A function constant."""

    name: str
    type: str
    line: int
    in_header: bool
    asks_defined: bool
    template_name: str
    python: str = ""


@dataclass
class Ported:
    """A kernel, with all instances of its template that differ in dtypes alone."""

    name: str
    function: str
    file: str
    line: int
    comment: str
    header: str
    body: str
    arguments: list[Argument]
    templates: list[tuple[str, str, str]]
    constants: list[Constant]
    notes: list[str]
    max_threads: int
    has_atomic_outputs: bool
    refusals: str
    python: str = ""
    instances: list[Ported] = field(default_factory=list)  #: this one first

    @property
    def dtype_names(self) -> list[str]:
        return [name for name, kind, _ in self.templates if kind == "dtype"]

    @property
    def variants(self) -> list[tuple[str, ...]]:
        """The dtypes of each instance, as MLX calls them."""
        return [tuple(SCALARS[value][0] for _, kind, value in each.templates if kind == "dtype") for each in self.instances]

    def of_role(self, *roles: str) -> list[Argument]:
        return [each for each in self.arguments if each.role in roles]

    @property
    def outputs(self) -> list[Argument]:
        return [each for each in self.arguments if each.is_output]

    def _shape(self) -> Any:
        """What instances share that one function of Python serves."""
        arguments = tuple((each.name, each.kernel_name, each.role, each.per_unit, each.words, each.word_count, each.needs_device, each.needs_constant,
                           each.template_name, each.before, each.beside, each.like, each.is_threads, str(each.members),
                           each.template_name in self.dtype_names or each.element) for each in self.arguments)
        templates = tuple(each for each in self.templates if each[1] != "dtype")
        return self.function, self.body, self.header, arguments, templates, tuple(self.dtype_names), self.has_atomic_outputs


def read(found: dict[str, Any]) -> list[Ported]:
    """The kernels of a file; instances of one template that differ in dtypes alone are one."""
    kernels: dict[Any, Ported] = {}
    for each in found["kernels"]:
        kernel = Ported(**{**each, "arguments": [Argument(**one) for one in each["arguments"]], "constants": [Constant(**one) for one in each["constants"]]})
        kernel.instances = [kernel]
        key = kernel._shape() if kernel.dtype_names else kernel.name
        if kernel.refusals:
            kernels[kernel.name, "refused"] = kernel
        elif key in kernels:
            kernels[key].instances.append(kernel)
        else:
            kernels[key] = kernel
    name_all(list(kernels.values()))
    return list(kernels.values())


def identifier(text: str) -> str:
    """As a name in Python."""
    word = re.sub(r"\W+", "_", text)
    word = re.sub(r"^(?=\d)", "_", word) or "_"
    return word + "_" if keyword.iskeyword(word) or word in ("mx", "struct", "functools", "print", "len", "tuple", "int", "float", "bool", "self") else word


RESERVED = {"grid", "threadgroup", "stream", "init_value"}


def name_all(kernels: list[Ported]) -> None:
    taken: set[str] = set()
    for kernel in kernels:
        # What the instances' names begin with: "square" of square_float32, square_float16.
        shared = os.path.commonprefix([each.name for each in kernel.instances]).rstrip("_")
        name = identifier(shared if len(shared) > 2 else kernel.name)
        while name in taken:
            name += "_"
        taken.add(name)
        kernel.python = name
        own = set(RESERVED) | set(kernel.dtype_names)
        for each in [*kernel.arguments, *kernel.constants]:
            word = identifier(each.name)
            while word in own:
                word += "_"
            own.add(word)
            each.python = word


def vector_length(type_: str) -> int:
    """3 for "float3", "packed_float3"; 0 for what is no vector."""
    match = re.fullmatch(r"(?:packed_)?[a-z]+([234])", type_)
    return int(match[1]) if match else 0


def layout(members: list[dict[str, Any]], size: int) -> list[tuple[str, str, int, int, int]]:
    """Of a struct: for each member (name, element, numbers that a call gives, of how many, offset). A float3 has three of four."""
    found = []
    for each in members:
        match = re.fullmatch(r"[a-z]+([234])x([234])", each["type"])
        columns = int(match[1]) if match else 1
        of = each["elements"] // columns
        rows = int(match[2]) if match else vector_length(each["type"]) or of
        found.append((each["name"], each["element"], each["count"] * columns, rows, of, each["offset"]))
    return found


def struct_format(members: list[dict[str, Any]], size: int) -> str:
    """The format with which `struct.pack` makes the bytes."""
    text, at = "<", 0
    for _, element, vectors, rows, of, offset in layout(members, size):
        _, letter, width = SCALARS[element]
        text += f"{offset - at}x" if offset > at else ""
        padding = (of - rows) * width
        one = (letter if rows == 1 else f"{rows}{letter}") + (f"{padding}x" if padding else "")
        text += one * vectors if padding or rows > 1 or vectors == 1 else f"{vectors}{letter}"
        at = offset + vectors * of * width
    return text


def raw_text(text: str) -> str:
    """A literal of Python, as a person would write it."""
    body = text if text.endswith("\n") else text + "\n"
    for quotes in ('"""', "'''"):
        if quotes not in body and not body.rstrip("\n").endswith(("\\", quotes[0])):
            return f"r{quotes}\n{body}{quotes}"
    return repr("\n" + body)
