"""Metal kernels on Linux: ``import anymetal``, and ``mx.fast.metal_kernel`` runs; whole Metal files run by ``anymetal.Library``.

Where MLX is installed, importing this package imports it and puts our kernels into it; the order of ``import anymetal`` and ``import mlx.core``
doesn't matter. Scripts that can't be changed run under ``python -m anymetal script.py``. Nothing else is needed:

    import anymetal
    import mlx.core as mx

While it is active, MLX's gates answer as on a Mac (``mx.metal.is_available()``, ``mx.default_device() == mx.gpu``, streams
and devices named ``mx.gpu``); ``ANYMETAL_GATES=off`` leaves them alone. On a Mac the package steps aside: MLX's own kernels
run there, and ``anymetal.active`` is False.

The variables of the environment are listed in docs/environment.md.
"""

from __future__ import annotations

from ._attach import attach as _attach
from ._attach import has_mlx as _has_mlx
from ._errors import CompileError, EnvironmentFault, InternalError, KernelError, StoppedError, UnsupportedError
from ._library import _launches as _library_launches
from ._library import Buffer, FunctionConstant, Kernel, Library, Parameter
from ._texture import Sampler, Texture
from ._tunable import tunable

__version__ = "0.1.0"
__all__ = ["Buffer", "CompileError", "EnvironmentFault", "FunctionConstant", "InternalError", "Kernel", "KernelError",
           "Library", "Parameter", "Sampler", "StoppedError", "Texture", "UnsupportedError", "active", "launches", "tunable"]

#: For ``pytest -p anymetal``: the hooks of the plugin.
pytest_plugins = ["anymetal._pytest_plugin"]

#: Without MLX there is nothing to attach to, and whole files (Library) work all the same.
_adapter = _attach() if _has_mlx() else None

#: Whether MLX's kernels run through anymetal in this process.
active: bool = _adapter is not None


def launches() -> int:
    """How many kernel launches have run to their end in this process.

    Compare two counts around a piece of a program to see that it really ran a kernel, and didn't silently take another way.
    Launches are lazy: evaluate first (``mx.eval``, ``mx.synchronize``).
    """
    count = 0 if _adapter is None else int(_adapter.anymetal_mlx_launches())
    return count + _library_launches()
