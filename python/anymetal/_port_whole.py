"""The other way: the whole `.metal` file of a body-only kernel (`anymetal port --to-metal`), and its form for `torch.mps.compile_shader` (`--to-torch`).

The body says in `//!` lines what it gets, as for `anymetal compile` and `anymetal bench`. The signature follows MLX's rules: inputs of fewer than 8 elements in constant
memory, 0-d ones by reference, `x_shape` and its like and the attributes where the body names them.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from ._kernel_file import Array, add_options, add_own_options
from ._port_text import SCALARS, identifier, raw_text
from ._report import Failure

ATTRIBUTES = {"dispatch_quadgroups_per_threadgroup": 1, "dispatch_simdgroups_per_threadgroup": 1, "dispatch_threads_per_threadgroup": 3, "grid_origin": 3, "grid_size": 3,
              "quadgroup_index_in_threadgroup": 1, "quadgroups_per_threadgroup": 1, "simdgroup_index_in_threadgroup": 1, "simdgroups_per_threadgroup": 1, "thread_execution_width": 1,
              "thread_index_in_quadgroup": 1, "thread_index_in_simdgroup": 1, "thread_index_in_threadgroup": 1, "thread_position_in_grid": 3, "thread_position_in_threadgroup": 3,
              "threadgroup_position_in_grid": 3, "threadgroups_per_grid": 3, "threads_per_grid": 3, "threads_per_simdgroup": 1, "threads_per_threadgroup": 3}
METAL = {numpy: metal for metal, (numpy, _, _) in SCALARS.items()} | {"bool": "bool"}
OF_MLX = re.compile(r"\b(elem_to_loc\w*|complex64_t|Limits|ceildiv|log1p|LoopedElemToLoc|cast_to|WorkPerThread|MLX_MTL\w+)\b")


class Body:
    """A body with what its `//!` lines say."""

    def __init__(self, path: str, text: str) -> None:
        parser = argparse.ArgumentParser(add_help=False)
        parser.add_argument("--kernel")
        add_options(parser)
        options = parser.parse_args([])
        add_own_options(path, text, options)
        if not options.output:
            raise Failure(f"{path}:1: a body says what it gets in lines at its top: //! --input x:float32[64] --output y:float32[64]", 2)
        self.name = identifier(options.name or Path(path).name.split(".")[0])
        self.inputs = [Array(each) for each in options.input]
        self.outputs = [Array(each) for each in options.output]
        self.templates = [tuple(each.split("=", 1)) for each in options.template]
        self.is_atomic = bool(options.atomic_outputs)
        self.text = "\n".join(line for line in text.split("\n") if not line.startswith("//!")).strip("\n") + "\n"
        self.header = ""
        if options.header:
            place = Path(path).parent / options.header
            if not place.exists():
                raise Failure(f"{path}:1: the header {place} isn't there", 2)
            self.header = place.read_text()

    def parameters(self) -> list[tuple[str, str, str]]:
        """Declarations without their attribute, what each is in Python ("x", "x.shape"), and a kind."""
        found = []
        for each in self.inputs:
            kind = METAL[each.dtype]
            size = 1
            for extent in each.shape:
                size *= extent
            space = "constant" if not each.shape or size < 8 else "device"
            found.append((f"{space} const {kind}{'*' if each.shape else '&'} {each.name}" if space == "device" else f"constant {kind}{'*' if each.shape else '&'} {each.name}", each.name, "input"))
            if each.shape:
                for word, text in (("shape", "constant int* {}_shape"), ("strides", "constant int64_t* {}_strides"), ("ndim", "constant int& {}_ndim")):
                    if f"{each.name}_{word}" in self.text:
                        found.append((text.format(each.name), f"{each.name}_{word}", word))
        for each in self.outputs:
            kind = METAL[each.dtype]
            found.append((f"device {f'atomic<{kind}>' if self.is_atomic else kind}* {each.name}", each.name, "output"))
        return found

    def metal(self) -> str:
        lines = [f"{text} [[buffer({n})]]" for n, (text, _, _) in enumerate(self.parameters())]
        lines += [f"{'uint3' if size == 3 else 'uint'} {name} [[{name}]]" for name, size in ATTRIBUTES.items() if name in self.text]
        start = f"{'[[kernel]]' if self.templates else 'kernel'} void {self.name}("
        head = start + (",\n" + " " * len(start)).join(lines) + ") {\n"
        text = "#include <metal_stdlib>\n"
        everything = self.header + self.text
        if OF_MLX.search(everything):
            text += '#include "mlx/backend/metal/kernels/utils.h"  // of MLX: -I its include folder\n'
        text += "using namespace metal;\n"
        for short, full in (("float16_t", "half"), ("bfloat16_t", "bfloat")):
            if re.search(rf"\b{short}\b", everything) and not OF_MLX.search(everything):
                text += f"typedef {full} {short};\n"
        text += "\n" + (self.header.strip("\n") + "\n\n" if self.header.strip() else "")
        if self.templates:
            kinds = [f"{'typename' if value in METAL else 'bool' if value.lower() in ('true', 'false') else 'int'} {name}" for name, value in self.templates]
            values = [METAL.get(value, value.lower()) for _, value in self.templates]
            head = f"template <{', '.join(kinds)}>\n{head}"
            tail = f'\ntemplate [[host_name("{self.name}")]] [[kernel]] decltype({self.name}<{", ".join(values)}>) {self.name}<{", ".join(values)}>;\n'
        else:
            tail = ""
        body = "\n".join(f"  {line}" if line and not line.startswith((" ", "\t", "#")) else line for line in self.text.split("\n"))
        return text + head + body.rstrip("\n") + "\n}\n" + tail


def write_metal(path: str, text: str, command: str) -> str:
    body = Body(path, text)
    return f"// The kernel {body.name} with its signature, for Xcode and MTLLibrary. Made by `{command}`.\n" + body.metal()


def write_torch(path: str, text: str, command: str) -> str:
    body = Body(path, text)
    wanted = OF_MLX.search(body.header + body.text)
    if wanted:
        raise Failure(f"{path}: the body uses `{wanted[0]}` of MLX's own headers, which torch doesn't have: write it out in the header", 2)
    inputs = ", ".join(f"{each.name}: torch.Tensor" for each in body.inputs)
    shapes = ", ".join(f"{each.name}_shape: tuple[int, ...]" for each in body.outputs)
    lines, given = [], []
    device = f"{body.inputs[0].name}.device" if body.inputs else '"mps"'
    for each in body.inputs:
        lines.append(f"    {each.name} = {each.name}.contiguous()")
    for _, name, kind in body.parameters():
        owner = name.rpartition("_")[0]
        if kind == "shape":
            lines.append(f"    {name} = torch.tensor({owner}.shape, dtype=torch.int32, device={device})")
        elif kind == "strides":
            lines.append(f"    {name} = torch.tensor({owner}.stride(), dtype=torch.int64, device={device})")
        elif kind == "ndim":
            lines.append(f"    {name} = torch.tensor({owner}.ndim, dtype=torch.int32, device={device})")
        given.append(name)
    for each in body.outputs:
        make = "zeros" if body.is_atomic else "empty"
        lines.append(f"    {each.name} = torch.{make}({each.name}_shape, dtype=torch.{each.dtype.removesuffix('_')}, device={device})")
    lines.append(f"    _library().{body.name}({', '.join(given)}, threads=threads, group_size=group_size)")
    lines.append(f"    return {', '.join(each.name for each in body.outputs)}")
    result = "torch.Tensor" if len(body.outputs) == 1 else f"tuple[{', '.join('torch.Tensor' for _ in body.outputs)}]"
    describe = lambda each: f"{each.dtype.removesuffix('_')}{list(each.shape) if each.shape else ', one number'}"
    docs = [f"        {each.name}: {describe(each)}" for each in body.inputs] + [f"        {each.name}_shape: of the output, {each.dtype}" for each in body.outputs]
    return "\n".join([
        f'"""The kernel {body.name} for PyTorch on "mps".\n\nMade by `{command}`. Without a Mac it runs under `anymetal run`.\n"""', "", "from __future__ import annotations", "",
        "import functools", "from typing import Any", "", "import torch", "", f"_SOURCE = {raw_text(body.metal())}", "", "", "@functools.cache", "def _library() -> Any:",
        "    return torch.mps.compile_shader(_SOURCE)", "", "",
        f"def {body.name}({inputs}{', ' if inputs else ''}*, {shapes}, threads: tuple[int, ...], group_size: tuple[int, ...]) -> {result}:",
        f'    """Kernel `{body.name}`; threads and group_size count threads, along up to three axes.', "", "    Arguments, as the kernel was written for them:", *docs, '    """', *lines, ""])
