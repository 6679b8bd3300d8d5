"""``torch.mps.compile_shader`` on Linux: the same calls, with tensors of the CPU.

    import anymetal.torch, torch

    library = anymetal.torch.compile_shader('''
        kernel void full(device float* out, constant float& value, uint i [[thread_position_in_grid]]) { out[i] = value; }
    ''')
    x = torch.zeros(16)
    library.full(x, 3.14)

Scripts that say ``torch.mps.compile_shader`` and ``device="mps"`` run unchanged under ``python -m anymetal script.py``
(``anymetal run``), which calls `emulate_mps` when the script imports torch.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import _library
from ._errors import CompileError
from ._mps import emulate_mps

__all__ = ["ShaderError", "ShaderKernel", "ShaderLibrary", "compile_shader", "emulate_mps"]

_INTEGERS = {"bool": 1, "char": 1, "uchar": 1, "short": 2, "ushort": 2, "int": 4, "uint": 4, "long": 8, "ulong": 8}
_REALS = {"half": "fp16", "bfloat": "bf16", "float": "float32"}


class ShaderError(CompileError, SyntaxError, RuntimeError):
    """The text doesn't compile."""

    def __str__(self) -> str:
        return str(self.args[0])  # SyntaxError would look for a file and a line


def compile_shader(source: str) -> ShaderLibrary:
    """Parses Metal text; its kernels are attributes of the result. Raises ShaderError, with each place in the text."""
    return ShaderLibrary(source)


class ShaderLibrary:
    """The kernels of a text: ``library.NAME(...)``; ``dir(library)`` lists them."""

    def __init__(self, source: str) -> None:
        mode = "fast" if os.environ.get("PYTORCH_MPS_FAST_MATH") == "1" else "safe"
        self._library = _as_shader_errors(lambda: _library.Library(_library.Text(source), math_mode=mode))
        self._kernels: dict[str, ShaderKernel] = {}

    def __getattr__(self, name: str) -> ShaderKernel:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self._kernels:
            if name not in self._library.kernels:
                raise _NoKernel(f"no kernel `{name}`: there are {', '.join(self._library.kernels) or 'none'}")
            self._kernels[name] = ShaderKernel(_as_shader_errors(lambda: self._library.kernel(name)))
        return self._kernels[name]

    def __dir__(self) -> list[str]:
        return self._library.kernels


class _NoKernel(AttributeError, RuntimeError):
    pass


def _as_shader_errors(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except CompileError as error:
        raise ShaderError(str(error)) from error


class ShaderKernel:
    """A kernel, called as torch's own are.

    ``kernel(*arguments, threads=None, group_size=None, arg_casts=None)``: argument n goes to ``[[buffer(n)]]``.

    A tensor is handed over as its memory, from its first element to the end of its storage, whatever its dtype and
    strides are. An ``int`` is an int64 and a ``float`` a float32, lists likewise, unless ``arg_casts`` says otherwise: "fp16",
    "bf16", "int32", "int16", "int8" or "uint8" for all, or ``{n: cast}``. A list of tensors is an array of pointers.
    ``threads``: of the whole grid, one to three numbers; None: the elements of the first tensor. ``group_size``: of a
    threadgroup; None: as many as fit along the first dimension.

    A number whose bytes the kernel would misread (an ``int`` for a ``float&``, a ``float`` for a ``half&``) is a ValueError
    here, where a Mac computes something else than was meant.
    """

    def __init__(self, kernel: _library.Kernel) -> None:
        self._kernel = kernel
        self._parameters = {p.index: p for p in kernel.interface if p.kind == "buffer"}

    @property
    def max_threads_per_threadgroup(self) -> int:
        return self._kernel.max_total_threads_per_threadgroup

    @property
    def thread_execution_width(self) -> int:
        return self._kernel.thread_execution_width

    @property
    def static_thread_group_memory_length(self) -> int:
        return self._kernel.static_threadgroup_memory

    def __call__(self, *args: Any, threads: Any = None, group_size: Any = None,
                 arg_casts: str | Mapping[int, str] | None = None, error_buf_idx: int | None = None) -> None:
        import torch

        if error_buf_idx is not None:
            raise NotImplementedError("error_buf_idx: torch's buffer for errors of kernels can't be emulated")
        sizes = _numbers("threads", threads)
        buffers = {}
        for index, argument in enumerate(args):
            if isinstance(argument, torch.Tensor):
                sizes = sizes or [argument.numel()]
                value = _memory(argument)
            elif isinstance(argument, (list, tuple)) and argument and isinstance(argument[0], torch.Tensor):
                value = [_memory(each) for each in argument]
            else:
                value = self._inline(index, argument, _cast_of(arg_casts, index))
            if index in self._parameters:  # a Mac takes what the kernel doesn't use, and so do we
                buffers[index] = value
        if not sizes:
            raise RuntimeError("Number of threads is undefined or has wrong dimension")
        if sizes == [0]:
            return
        group = _numbers("group_size", group_size)
        if group is not None and len(group) != len(sizes):
            raise RuntimeError(f"threads has {len(sizes)} dimensions and group_size {len(group)}: they must have as many")
        limit = self.max_threads_per_threadgroup
        group = group or [min(limit, sizes[0])]
        self._kernel(grid=sizes, threadgroup=group, buffers=buffers)

    def _inline(self, index: int, argument: Any, cast: str | None) -> bytes:
        values = list(argument) if isinstance(argument, (list, tuple)) else [argument]
        if not values:
            raise RuntimeError("Empty list/tuple can not be an argument to metal kernel")
        kind = int if isinstance(values[0], int) else float
        if not all(isinstance(each, (int, float)) for each in values):
            raise RuntimeError(f"Unsupported argument type: argument {index} is {argument!r}")
        letter, size = _layout(kind, cast)
        parameter = self._parameters.get(index)
        if parameter is not None:
            _check(self._kernel.name, parameter, kind, cast, size, len(values))
        data = _pack(letter, size, [kind(each) for each in values])
        if parameter is not None and parameter.is_reference and 0 < parameter.size < len(data):
            data = data[:parameter.size]  # as much as the kernel reads
        if parameter is not None and len(values) == 3 and parameter.size * 3 == len(data) * 4:
            data += bytes(size)  # a vector of three is as large as one of four
        return data


def _memory(tensor: Any) -> _library.Buffer:
    """From the first element to the end of the storage."""
    if tensor.device.type not in ("cpu", "mps"):
        raise ValueError(f"the tensor is on {tensor.device}: anymetal works on tensors of the CPU")
    storage = tensor.untyped_storage()
    start = tensor.storage_offset() * tensor.element_size()
    return _library.Buffer((storage.data_ptr(), storage.nbytes(), tensor), start)


def _numbers(what: str, value: Any) -> list[int] | None:
    if value is None:
        return None
    numbers = [int(value)] if isinstance(value, int) else [int(each) for each in value]
    if not 1 <= len(numbers) <= 3:
        raise RuntimeError(f"{what}: one to three numbers, not {value!r}")
    return numbers


_CASTS = {"fp16": ("e", 2), "bf16": ("bf16", 2), "int32": ("i", 4), "int16": ("h", 2), "int8": ("b", 1), "uint8": ("B", 1)}


def _cast_of(casts: str | Mapping[int, str] | None, index: int) -> str | None:
    cast = casts if casts is None or isinstance(casts, str) else casts.get(index)
    if cast is not None and cast not in _CASTS:
        raise RuntimeError(f"Unsupported cast instruction {cast}: there are {', '.join(_CASTS)}")
    return cast


def _layout(kind: type, cast: str | None) -> tuple[str, int]:
    if cast is not None:
        return _CASTS[cast]
    return ("q", 8) if kind is int else ("f", 4)


def _pack(letter: str, size: int, values: Sequence[Any]) -> bytes:
    if letter == "bf16":
        return b"".join(_bfloat(float(each)) for each in values)
    if letter == "e":
        return b"".join(_half(float(each)) for each in values)
    if letter == "f":
        return b"".join(_float(float(each)) for each in values)
    return b"".join((int(each) & ((1 << 8 * size) - 1)).to_bytes(size, "little") for each in values)


def _float(value: float) -> bytes:
    try:
        return struct.pack("<f", value)
    except OverflowError:
        return struct.pack("<f", float("inf") if value > 0 else float("-inf"))


def _half(value: float) -> bytes:
    try:
        return struct.pack("<e", value)
    except OverflowError:
        return struct.pack("<e", float("inf") if value > 0 else float("-inf"))


def _bfloat(value: float) -> bytes:
    bits = int.from_bytes(_float(value), "little")
    if value != value:
        return (0x7FC0).to_bytes(2, "little")
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).to_bytes(2, "little")


def _check(name: str, parameter: _library.Parameter, kind: type, cast: str | None, size: int, count: int) -> None:
    """Whether the kernel reads what was meant. torch itself hands the bytes over as they are."""
    element = parameter.element
    if not element:
        return  # a struct, void: bytes as they are
    real = kind is float and (cast is None or cast in ("fp16", "bf16")) or cast in ("fp16", "bf16")
    shown = cast or ("int64" if kind is int else "float32")
    if element in _INTEGERS:
        fits = not real and (size == _INTEGERS[element] or count == 1 and parameter.is_reference and size >= parameter.size)
    else:
        fits = real and shown == _REALS[element]
    if fits:
        return
    wanted = {"half": 'arg_casts="fp16"', "bfloat": 'arg_casts="bf16"', "float": "a Python float"}.get(element)
    wanted = wanted or {4: 'arg_casts="int32"', 2: 'arg_casts="int16"', 8: "a Python int"}.get(
        _INTEGERS[element], 'arg_casts="uint8"')
    raise ValueError(f"kernel `{name}`, argument {parameter.index} (`{parameter.declaration}`): torch hands {shown} over, "
                     f"which the kernel would misread as `{element}`: give {wanted}")
