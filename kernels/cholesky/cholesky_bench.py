"""Rows of ./dev bench kernels: Cholesky."""

import numpy as np
from rows import Row, evaluated, given


def definite(random, sizes, dtype):
    n = sizes["n"]
    a = random.standard_normal((n, 2 * n))
    return {"a": (a @ a.T / n).astype(np.float32)}


ROWS = [Row(f"cholesky_{n}", "cholesky", f"Cholesky, lower, n = {n}", {"n": n}, {"n": 70}, definite,
            lambda data, sizes, dtype: np.linalg.cholesky(data["a"].astype(np.float64)), 1e-4, work=lambda sizes: sizes["n"]**3 / 3,
            goals={"scipy": 0.5, "mlx": 1.0}, limit="multiply_add") for n in (64, 512, 1024)]


def anymetal(row, sizes, data):
    from anymetal import kernels

    a = given(data["a"])
    return evaluated(lambda: kernels.cholesky(a))


def mlx(row, sizes, data):
    import mlx.core as mx

    a = given(data["a"])
    return evaluated(lambda: mx.linalg.cholesky(a, stream=mx.cpu))


def numpy(row, sizes, data):
    last = [None]

    def call():
        last[0] = np.linalg.cholesky(data["a"])
    return call, lambda: last[0]


def scipy(row, sizes, data):
    from scipy.linalg.lapack import spotrf

    a, last = np.asfortranarray(data["a"]), [None]

    def call():
        last[0] = spotrf(a, lower=1, clean=1)[0]
    return call, lambda: last[0]
