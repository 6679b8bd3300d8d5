"""Rows of ./dev bench kernels: exp."""

import numpy as np
from rows import Row, evaluated, given


def exponents(random, sizes, dtype):
    return {"x": random.random(sizes["n"], dtype=np.float32) * 20 - 10}


ROWS = [Row("exp_elementwise", "exp_elementwise", "exp of 16 M floats", {"n": 1 << 24}, {"n": 1 << 12}, exponents,
            lambda data, sizes, dtype: np.exp(data["x"].astype(np.float64)), 1e-6, traffic=lambda sizes, width: 8 * sizes["n"],
            goals={"limit": 0.8, "mlx": 1.0}, limit="copy", relative=True)]


def anymetal(row, sizes, data):
    from anymetal import kernels

    x = given(data["x"])
    return evaluated(lambda: kernels.exp_elementwise(x))


def mlx(row, sizes, data):
    import mlx.core as mx

    x = given(data["x"])
    return evaluated(lambda: mx.exp(x))


def numpy(row, sizes, data):
    y = np.empty_like(data["x"])
    return lambda: np.exp(data["x"], out=y), lambda: y
