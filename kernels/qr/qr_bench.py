"""Rows of ./dev bench kernels: QR. What is compared is Q R, which must be A."""

import numpy as np
from rows import Row, evaluated, given


def matrix(random, sizes, dtype):
    return {"a": random.standard_normal((sizes["m"], sizes["n"]), dtype=np.float32)}


def work(sizes):
    m, n = sizes["m"], sizes["n"]
    return 2 * (2 * m * n**2 - 2 * n**3 / 3)  # R, then Q


ROWS = [Row(f"qr_{name}", "qr", f"QR, reduced, {m} x {n}", {"m": m, "n": n}, {"m": min(m, 70), "n": min(n, 40)}, matrix, lambda data, sizes, dtype: data["a"], 2e-5,
            work=work, goals={"scipy": 0.5, "mlx": 1.0}, limit="multiply_add") for name, m, n in (("64", 64, 64), ("512", 512, 512), ("1024", 1024, 1024), ("tall", 4096, 128))]


def joined(made):
    return np.array(made[0]).astype(np.float64) @ np.array(made[1]).astype(np.float64)


def anymetal(row, sizes, data):
    from anymetal import kernels

    a = given(data["a"])
    return evaluated(lambda: kernels.qr(a), joined)


def mlx(row, sizes, data):
    import mlx.core as mx

    a = given(data["a"])
    return evaluated(lambda: mx.linalg.qr(a, stream=mx.cpu), joined)


def numpy(row, sizes, data):
    last = [None]

    def call():
        last[0] = np.linalg.qr(data["a"])
    return call, lambda: joined(last[0])


def scipy(row, sizes, data):
    from scipy.linalg.lapack import sgeqrf, sorgqr

    a, last = np.asfortranarray(data["a"]), [None]
    n = sizes["n"]

    def call():
        packed, tau, _, _ = sgeqrf(a, lwork=64 * n)
        last[0] = sorgqr(packed, tau, lwork=64 * n)[0], np.triu(packed[:n])
    return call, lambda: joined(last[0])
