"""Brings libanymetal_mlx.so into the process, behind mlx.core.

MLX is imported first, so its libmlx.so is the one that our library finds, wherever it is installed. Our library then turns
the calls from mlx.core to libmlx.so to itself. Python functions that hold the address of a function of libmlx.so (nanobind
stores it in the function object when the module is made) are mended one by one.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

INSTALL = 'pip install "mlx[cpu]>=0.32.1,<0.33"'
LIBRARY = "libanymetal_mlx.so"


def attach() -> ctypes.CDLL | None:
    """The library, in place; None on a Mac. Raises ImportError, which says what to do."""
    if sys.platform == "darwin":
        return None
    core = _import_mlx()
    library = _open_library()
    complaint = library.anymetal_mlx_attach()
    if complaint:
        raise ImportError("anymetal: " + complaint.decode())
    inside_core = ctypes.cast(ctypes.CDLL(core.__file__).PyInit_core, ctypes.c_void_p)
    library.anymetal_mlx_attach_python(inside_core, _buffer_slot(core.array))
    for module in (core, core.metal):
        _retarget(library, module)
    return library


def has_mlx() -> bool:
    """Whether MLX is installed. (A folder of sources may be called mlx too.)"""
    try:
        return importlib.util.find_spec("mlx.core") is not None
    except ModuleNotFoundError:
        return False


def _import_mlx() -> ModuleType:
    try:
        import mlx.core as core
    except ImportError as error:
        raise ImportError(f"anymetal runs kernels for MLX, and MLX can't be imported ({error}). "
                          f"Install it with: {INSTALL}") from error
    return core


def _open_library() -> ctypes.CDLL:
    path = find_library()
    try:
        library = ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise ImportError(f"anymetal: {path} can't be loaded: {error}") from error
    library.anymetal_mlx_attach.restype = ctypes.c_char_p
    library.anymetal_mlx_attach_python.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    library.anymetal_mlx_attach_python.restype = None
    library.anymetal_mlx_retarget.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    library.anymetal_mlx_launches.restype = ctypes.c_uint64
    library.anymetal_mlx_version.restype = ctypes.c_char_p
    return library


def find_library() -> Path:
    """ANYMETAL_LIBRARY, else the one beside this file."""
    path = Path(os.environ.get("ANYMETAL_LIBRARY") or Path(__file__).parent / LIBRARY)
    if not path.exists():
        raise ImportError(f"anymetal: {path} isn't there. In a checkout, build it with ./dev build, "
                          "and put build/python into PYTHONPATH.")
    return path


def _buffer_slot(kind: type) -> int:
    """The address of bf_getbuffer, the first entry of what PyTypeObject.tp_as_buffer (its 21st word, Python 3.8 on) points to."""
    return ctypes.c_void_p.from_address(id(kind) + 20 * ctypes.sizeof(ctypes.c_void_p)).value or 0


def _retarget(library: ctypes.CDLL, module: ModuleType) -> None:
    for value in vars(module).values():
        kind = type(value)
        if kind.__name__ != "nb_func":
            continue
        items = ctypes.c_ssize_t.from_address(id(value) + 2 * ctypes.sizeof(ctypes.c_void_p)).value
        library.anymetal_mlx_retarget(id(value), kind.__basicsize__ + kind.__itemsize__ * items)
