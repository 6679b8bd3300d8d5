"""A contender of ./dev bench kernels: the function of its name in the row's subject's kernels/NAME/NAME_bench.py."""

import importlib.metadata
import os

import rows


def version_of(variant):
    if variant in ("anymetal", "mlx"):
        import mlx.core as mx

        # MLX's CPU build gives freed buffers of more than 32 MB in all back to the system, and fresh pages cost more than most kernels; its Metal build keeps them.
        mx.set_cache_limit(1 << 30)
    if variant == "anymetal":
        import anymetal
        import mlx.core as mx

        return f"anymetal {anymetal.__version__} on {mx.device_info()['device_name']}, bounds {os.environ.get('ANYMETAL_BOUNDS', 'default')}"
    if variant == "mlx":
        import mlx.core as mx

        mx.set_default_device(mx.cpu)
        return f"MLX {importlib.metadata.version('mlx')}, CPU"
    if variant in ("numpy", "scipy"):
        return f"{variant} {importlib.metadata.version(variant)}, with its OpenBLAS"
    return "clang++-19, -O3 -march=native"


class Peer:
    def __init__(self, variant):
        self.variant = variant
        if variant == "scipy":
            import scipy.linalg  # noqa: F401  so that it is missing now, if it is
        self.version = version_of(variant)

    def __getattr__(self, family):
        function = getattr(rows.MODULES.get(family), self.variant, None)
        if function is None:
            raise AttributeError(family)
        return function
