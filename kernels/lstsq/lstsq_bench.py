"""Rows of ./dev bench kernels: least squares. MLX has no operation for it."""

import numpy as np
from rows import Row, evaluated, given


def system(random, sizes, dtype):
    return {"a": random.standard_normal((sizes["m"], sizes["n"]), dtype=np.float32), "b": random.standard_normal((sizes["m"], 8), dtype=np.float32)}


ROWS = [Row("lstsq", "lstsq", "least squares, 2048 x 256, 8 right sides", {"m": 2048, "n": 256}, {"m": 60, "n": 20}, system,
            lambda data, sizes, dtype: np.linalg.lstsq(data["a"].astype(np.float64), data["b"].astype(np.float64), rcond=None)[0], 1e-4,
            work=lambda sizes: 2 * sizes["m"] * sizes["n"]**2, goals={"scipy": 0.5}, limit="multiply_add")]


def anymetal(row, sizes, data):
    from anymetal import kernels

    a, b = given(data["a"]), given(data["b"])
    return evaluated(lambda: kernels.lstsq(a, b))


def scipy(row, sizes, data):
    from scipy.linalg.lapack import sgels

    last = [None]

    def call():
        last[0] = sgels(data["a"], data["b"])[1]
    return call, lambda: last[0][:sizes["n"]]
