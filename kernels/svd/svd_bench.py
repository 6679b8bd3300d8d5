"""Rows of ./dev bench kernels: singular values and eigenvalues. What is compared are the values."""

import numpy as np
from rows import Row, evaluated, given


def matrices(random, sizes, dtype):
    return {"a": random.standard_normal((sizes["batch"], sizes["m"], sizes["n"]), dtype=np.float32)}


def symmetric(random, sizes, dtype):
    a = matrices(random, sizes, dtype)["a"]
    return {"a": a + a.transpose(0, 2, 1)}


def decaying(random, sizes, dtype):
    """Singular values 1, 0.9, 0.81, ...: what is compressed in practice decays."""
    m, n = sizes["m"], sizes["n"]
    k = min(m, n, 200)
    u, v = np.linalg.qr(random.standard_normal((m, k)))[0], np.linalg.qr(random.standard_normal((n, k)))[0]
    return {"a": (u * 0.9**np.arange(k) @ v.T).astype(np.float32)[None]}


def singular_values(data, sizes, dtype):
    return np.linalg.svd(data["a"].astype(np.float64), compute_uv=False)[:, :sizes.get("rank")]


def square(n, batch=1):
    return {"batch": batch, "m": n, "n": n}


SMALL = {"batch": 2, "m": 12, "n": 12}
ROWS = [Row(f"svd_{n}" + (f"_{batch}" if batch > 1 else ""), "svd", (f"{batch} " if batch > 1 else "") + f"svd, n = {n}", square(n, batch), SMALL, matrices, singular_values, 1e-5,
            goals={"mlx": 1.0}) for n, batch in ((32, 64), (64, 1), (128, 1), (256, 1))]
ROWS += [Row(f"svd_eigh_{n}", "svd", f"eigh, n = {n}", square(n), SMALL, symmetric, lambda data, sizes, dtype: np.linalg.eigvalsh(data["a"].astype(np.float64)), 1e-5,
             goals={"mlx": 1.0}) for n in (64, 128, 256)]
ROWS += [Row("svd_subspace", "svd", "16 leading singular values of 2048x1024", {"batch": 1, "m": 2048, "n": 1024, "rank": 16}, {"batch": 1, "m": 40, "n": 30, "rank": 4},
             decaying, singular_values, 1e-4, goals={"mlx": 1.0})]


def is_eigh(row):
    return row.name.startswith("svd_eigh")


def anymetal(row, sizes, data):
    from anymetal import kernels

    a = given(data["a"])
    if row.name == "svd_subspace":
        return evaluated(lambda: kernels.subspace_svd(a[0], sizes["rank"]), lambda r: np.array(r[1])[None])
    if is_eigh(row):
        return evaluated(lambda: kernels.eigh(a), lambda r: np.array(r[0]))
    return evaluated(lambda: kernels.svd(a), lambda r: np.array(r[1]))


def mlx(row, sizes, data):
    import mlx.core as mx

    a = given(data["a"])
    if is_eigh(row):
        return evaluated(lambda: mx.linalg.eigh(a, stream=mx.cpu), lambda r: np.array(r[0]))
    return evaluated(lambda: mx.linalg.svd(a, stream=mx.cpu), lambda r: np.array(r[1])[:, :sizes.get("rank")])


def numpy(row, sizes, data):
    last = [None]

    def call():
        last[0] = np.linalg.eigh(data["a"])[0] if is_eigh(row) else np.linalg.svd(data["a"], full_matrices=False)[1]
    return call, lambda: last[0][:, :sizes.get("rank")]
