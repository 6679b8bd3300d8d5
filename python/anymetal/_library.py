"""Whole Metal files: ``anymetal.Library``.

    import anymetal, numpy as np

    library = anymetal.Library('''
        #include <metal_stdlib>
        using namespace metal;
        kernel void scale(device const float* x, device float* y, constant float& factor,
                          uint i [[thread_position_in_grid]]) { y[i] = factor * x[i]; }
    ''')
    x = np.arange(8, dtype=np.float32)
    y = np.empty_like(x)
    library.kernel("scale")(x, y, 2.5, grid=8)

Neither MLX nor NumPy is needed: arrays of any library come in by the buffer protocol or by DLPack.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


def _native() -> Any:
    """The extension module, loaded when it is first needed."""
    global _module
    if _module is None:
        try:
            from . import _native as module
        except ImportError as error:
            raise ImportError(f"anymetal.Library needs the package's extension module, which can't be loaded: {error}. "
                              "In a checkout, build it with ./dev build (needs nanobind and Python's headers).") from error
        module.set_buffer_type(Buffer)
        module.install_interrupt_handler()
        _module = module
    return _module


_module: Any = None


def _launches() -> int:
    return 0 if _module is None else _module.launches()


class Text(str):
    """Metal text that is never taken for a path."""


class Buffer:
    """The bytes of an array from ``offset`` on, whatever the type of its elements.

    A plain array must have the element type that the kernel declares; wrapped in a Buffer it need not, and it may
    begin at any byte (Metal's buffer offset). ``length`` in bytes; None: up to the end. Nothing is copied.
    """

    __slots__ = ("array", "offset", "length")

    def __init__(self, array: Any, offset: int = 0, length: int | None = None) -> None:
        if offset < 0 or (length is not None and length < 0):
            raise ValueError(f"offset and length of a Buffer count bytes from 0, not {offset} and {length}")
        self.array = array
        self.offset = offset
        self.length = length

    def __repr__(self) -> str:
        return f"Buffer({type(self.array).__name__}, offset={self.offset}, length={self.length})"


@dataclass(frozen=True)
class Parameter:
    """A parameter of a kernel."""

    name: str
    kind: str  #: "buffer", "texture", "sampler": a call gives one; "threadgroup": a call gives its size; "input": the machine's
    type: str  #: of the value or the pointee, in Metal's words: "float", "atomic<int>", "uint3"
    element: str  #: the scalar that ``type`` is made of: "float" for "float4"; empty: a struct, void
    declaration: str  #: "device const float* x [[buffer(0)]]"
    index: int  #: n of [[buffer(n)]] or [[threadgroup(n)]], also where it is implicit
    size: int  #: bytes of the value or the pointee
    is_const: bool
    is_reference: bool
    is_optional: bool  #: depends on a function constant: a call may leave it out, or give None
    line: int  #: where it was declared; 0: unknown
    members: tuple[tuple[str, int, int], ...]  #: of a struct: name ("lights[1].power"), offset, size in bytes


@dataclass(frozen=True)
class FunctionConstant:
    """``constant bool wide [[function_constant(0)]];``"""

    name: str
    index: int | None
    type: str


class Kernel:
    """A compiled kernel of a Library, called with arrays and sizes. Calls are thread-safe.

    Its buffers are given in the order in which the kernel declares them (not of their indices), as positional arguments,
    or by name, or by their indices: ``buffers={n: array}``. What the machine supplies (``[[thread_position_in_grid]]``) isn't given.

    Arguments:
      arrays       of NumPy, PyTorch, JAX, MLX, memoryview, ...: on the host, row-major without gaps, with the
                   element type that the kernel declares (float32 for ``float*`` and ``float4*``). Never copied: the kernel
                   writes into them. Read-only arrays (JAX's, NumPy's with ``writeable=False``) fit const parameters only.
      Buffer       the same by bytes: from an offset on, or with another element type.
      numbers      Python's or NumPy's, for const parameters (``constant float&``): converted to the kernel's own type; what
                   doesn't fit is an error.
      lists        of numbers, for vectors, matrices (by columns) and arrays.
      dicts        structs by the names of their members; an array for a member that is a pointer (argument buffers).
      bytes        the value in the kernel's own layout; a NumPy record likewise.
      Texture, Sampler  for parameters of these types, in their place among the arguments; a list of them for an array.

    Sizes: an int, or up to three of them.
      grid                threads. The last threadgroups are smaller if they don't fill it.
      threadgroups        whole threadgroups instead; an array of three 32-bit integers is read when the kernel runs, so
                          another kernel may have written it (an indirect dispatch).
      threadgroup         threads of a threadgroup; needed with ``threadgroups``. Without it as many as fit, x first.
      threadgroup_memory  bytes for each parameter with [[threadgroup(n)]]: {n or name: bytes}.

    Raises TypeError and ValueError for wrong arguments (before anything runs), KernelError for accesses outside the
    buffers, StoppedError for ANYMETAL_TIMEOUT, KeyboardInterrupt for Ctrl-C. Other Python threads go on while it runs.
    """

    def __init__(self, native: Any) -> None:
        self._kernel = native
        self._run = native.run
        self._parameters = [Parameter(**each) for each in native.parameters]
        buffers = [p for p in self._parameters if p.kind == "buffer"]
        self._structs = [(i, p) for i, p in enumerate(buffers) if p.members]
        self._threadgroup_indices = {p.name: p.index for p in self._parameters if p.kind == "threadgroup"}

    def __call__(self, *arguments: Any, grid: Any = None, threadgroups: Any = None, threadgroup: Any = None,
                 threadgroup_memory: Mapping[int | str, int] | None = None, buffers: Mapping[int, Any] | None = None,
                 **named: Any) -> None:
        indirect = None
        if threadgroups is not None and not isinstance(threadgroups, (int, tuple, list)):
            threadgroups, indirect = None, threadgroups
        for i, parameter in self._structs:
            dtype = getattr(arguments[i], "dtype", None) if i < len(arguments) else None
            if getattr(dtype, "names", None):
                _check_record(self.name, parameter, dtype)
        for index in buffers or ():
            if not isinstance(index, int) or not 0 <= index < 2**32:
                raise ValueError(f"kernel `{self.name}` has no buffer {index!r}")
        self._run(arguments, {**named, **buffers} if buffers else named, grid, threadgroups, indirect, threadgroup,
                  self._memory(threadgroup_memory) if threadgroup_memory else None)

    def _memory(self, sizes: Mapping[int | str, int]) -> list[tuple[int, int]]:
        result = []
        for key, size in sizes.items():
            index = self._threadgroup_indices.get(key) if isinstance(key, str) else key
            if not isinstance(index, int) or not 0 <= index < 2**32:
                raise ValueError(f"kernel `{self.name}` has no threadgroup parameter {key!r}")
            if not isinstance(size, int) or not 0 <= size < 2**64:
                raise ValueError(f"kernel `{self.name}`, threadgroup memory {key!r}: {size!r} is no number of bytes")
            result.append((index, size))
        return result

    @property
    def name(self) -> str:
        return self._kernel.name

    @property
    def interface(self) -> list[Parameter]:
        """All parameters, in the order in which the kernel declares them."""
        return list(self._parameters)

    @property
    def max_total_threads_per_threadgroup(self) -> int:
        """1024, or what the kernel's attribute of this name says."""
        return self._kernel.max_total_threads_per_threadgroup

    @property
    def static_threadgroup_memory(self) -> int:
        """Bytes of threadgroup memory that the kernel declares itself."""
        return self._kernel.static_threadgroup_memory

    @property
    def thread_execution_width(self) -> int:
        """Threads of a simdgroup."""
        return self._kernel.thread_execution_width

    def __repr__(self) -> str:
        lines = ",\n  ".join(p.declaration for p in self._parameters)
        return f"<anymetal.Kernel {self.name} ({self._kernel.place})\n  {lines}>"


class Library:
    """A Metal text with its kernels.

    ``source``: the text, or the path of a file (an ``os.PathLike``, or a string without line breaks that ends in ``.metal``, ``.h``
    or another suffix and names a file). ``include_dirs``: where ``#include`` looks, after the file's own folder. ``macros``:
    ``{"N": 4, "FLAG": None}``. ``math_mode``: "safe" (IEEE's special values), "relaxed" or "fast". ``name`` names the text in messages.

    The text is parsed here, once; a kernel is compiled when it is asked for, and what any process has compiled
    comes from the cache. Raises CompileError, with each place in the text.
    """

    def __init__(self, source: str | os.PathLike[str], *, include_dirs: Sequence[str | os.PathLike[str]] = (),
                 macros: Mapping[str, Any] | Sequence[str] = (), math_mode: str = "safe", name: str | None = None) -> None:
        if isinstance(include_dirs, (str, os.PathLike)):
            raise TypeError("include_dirs is a list of folders")
        is_path = _is_path(source)
        text = os.fspath(source) if is_path else source
        self.name = text if is_path else name or "program_source"
        self._library = _native().Library.open(text, is_path, self.name, [os.fspath(each) for each in include_dirs],
                                               _macros(macros), math_mode)
        self._names: list[str] = self._library.kernels

    @property
    def kernels(self) -> list[str]:
        """The names of the kernels, in the order of the text; those with ``[[host_name]]`` by that."""
        return list(self._names)

    @property
    def function_constants(self) -> list[FunctionConstant]:
        return [FunctionConstant(*each) for each in self._library.function_constants]

    @property
    def warnings(self) -> str:
        """What the compiler warned of, with lines and carets; empty: nothing."""
        return self._library.warnings

    def kernel(self, name: str, constants: Mapping[str | int, Any] | None = None) -> Kernel:
        """Compiles one kernel. ``constants``: values of function constants, by name or by index.

        Raises ValueError if there is no such kernel or constant, or a value doesn't fit; CompileError if the kernel
        can't be compiled, or needs a constant that has no value.
        """
        return Kernel(self._library.kernel(name, dict(constants or {})))

    def __repr__(self) -> str:
        return f"<anymetal.Library {self.name}: {len(self._names)} kernels>"


def _check_record(kernel: str, parameter: Parameter, dtype: Any) -> None:
    """NumPy's records lie in memory as their dtype says; the kernel reads them as its struct says."""
    def refuse(what: str) -> None:
        raise ValueError(f"kernel `{kernel}`, argument `{parameter.declaration}`: {what}: give the dtype the offsets of the struct")

    if dtype.itemsize != parameter.size:
        refuse(f"the record has {dtype.itemsize} bytes, and `{parameter.type}` {parameter.size}")
    for name, (_, offset, *_) in dtype.fields.items():
        at = [each for member, each, _ in parameter.members if member == name or member.startswith((name + ".", name + "["))]
        if not at:
            refuse(f"the record has a field `{name}`, and `{parameter.type}` no such member")
        if min(at) != offset:
            refuse(f"the record's `{name}` is at byte {offset}, and that of `{parameter.type}` at {min(at)}")


def _is_path(source: Any) -> bool:
    if isinstance(source, os.PathLike):
        return True
    if isinstance(source, Text):
        return False
    if not isinstance(source, str):
        raise TypeError(f"source is Metal text or the path of a file, not {type(source).__name__}")
    return "\n" not in source and len(source) < 4096 and "{" not in source and os.path.splitext(source)[1] != ""


def _macros(macros: Mapping[str, Any] | Sequence[str]) -> list[tuple[str, str]]:
    if not isinstance(macros, Mapping):
        macros = {name: None for name in ([macros] if isinstance(macros, str) else macros)}
    return [(name, "1" if value is None else str(int(value) if isinstance(value, bool) else value))
            for name, value in macros.items()]
