"""Rows of ./dev bench kernels: the soft cap."""

import numpy as np
from rows import Row, evaluated, given

CAP = 30.0

ROWS = [Row("soft_cap", "soft_cap", "soft cap of 16 M floats", {"n": 1 << 24}, {"n": 1 << 12},
            lambda random, sizes, dtype: {"x": 20 * random.standard_normal(sizes["n"], dtype=np.float32)},
            lambda data, sizes, dtype: CAP * np.tanh(data["x"].astype(np.float64) / CAP), 1e-6, traffic=lambda sizes, width: 8 * sizes["n"],
            goals={"limit": 0.8, "mlx": 1.0}, limit="copy")]


def anymetal(row, sizes, data):
    from anymetal import kernels

    x = given(data["x"])
    return evaluated(lambda: kernels.soft_cap(x, CAP))


def mlx(row, sizes, data):
    import mlx.core as mx

    x = given(data["x"])
    return evaluated(lambda: CAP * mx.tanh(x / CAP))


def numpy(row, sizes, data):
    y = np.empty_like(data["x"])

    def call():
        np.divide(data["x"], np.float32(CAP), out=y)
        np.tanh(y, out=y)
        np.multiply(y, np.float32(CAP), out=y)
    return call, lambda: y


def cpp(row, sizes, data):
    import native
    import native_code

    y = np.empty_like(data["x"])
    return native_code.caller(native.library("soft_cap").soft_cap, data["x"], y, CAP, y.size), lambda: y
