"""Kernels that several projects need, on MLX's arrays: ``from anymetal import kernels``.

Each takes and returns ``mx.array``, is lazy as MLX's own operations are, and is differentiable where its docstring says so. On Linux they run
through anymetal, on a Mac through MLX. docs/design/kernels.md says how each works. The same functions for C++ are in ``anymetal_kernels/*.h``:
``python -m anymetal.kernels --cflags --libs`` prints what a compiler must be told to find them, ``--cmake-dir`` where CMake finds them.

MLX's CPU build keeps freed buffers of 32 MB in all; where results are larger, ``mx.set_cache_limit(1 << 30)`` saves the fresh pages of each call, which
cost more than most kernels do. Its Metal build keeps them by itself.

Errors: ``ValueError`` names the argument, what was given and what is wanted; ``NoBackEndError`` (a ``RuntimeError``) says that nothing runs Metal
kernels in this process.
"""

from __future__ import annotations

import mlx.core  # noqa: F401  its types, before a module that takes them

import anymetal  # noqa: F401  the back end

try:
    from . import _kernels
except ImportError as error:
    raise ImportError(f"anymetal.kernels needs its extension module ({error}). In a checkout: pip install nanobind, then ./dev build.") from error

__all__ = [name for name in dir(_kernels) if not name.startswith("_")]
globals().update({name: getattr(_kernels, name) for name in __all__})


def __dir__() -> list[str]:
    return __all__


if __name__ == "__main__":
    from ._kernels_flags import main

    main()
