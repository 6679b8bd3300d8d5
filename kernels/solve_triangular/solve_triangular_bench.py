"""Rows of ./dev bench kernels: triangular systems."""

import numpy as np
from rows import Row, evaluated, given


def system(random, sizes, dtype):
    n = sizes["n"]
    a = np.tril(random.standard_normal((n, n))) / n**0.5 + 2 * np.eye(n)
    return {"a": a.astype(np.float32), "b": random.standard_normal((n, n), dtype=np.float32)}


ROWS = [Row(f"solve_triangular_{n}", "solve_triangular", f"L X = B, n = {n}", {"n": n}, {"n": 70}, system,
            lambda data, sizes, dtype: np.linalg.solve(data["a"].astype(np.float64), data["b"].astype(np.float64)), 1e-4, work=lambda sizes: sizes["n"]**3,
            goals={"scipy": 0.5, "mlx": 1.0}, limit="multiply_add") for n in (512,)]


def anymetal(row, sizes, data):
    from anymetal import kernels

    a, b = given(data["a"]), given(data["b"])
    return evaluated(lambda: kernels.solve_triangular(a, b))


def mlx(row, sizes, data):
    import mlx.core as mx

    a, b = given(data["a"]), given(data["b"])
    return evaluated(lambda: mx.linalg.solve_triangular(a, b, stream=mx.cpu))


def scipy(row, sizes, data):
    from scipy.linalg.blas import strsm

    a, b, last = np.asfortranarray(data["a"]), np.asfortranarray(data["b"]), [None]

    def call():
        last[0] = strsm(1.0, a, b, lower=1)
    return call, lambda: last[0]
