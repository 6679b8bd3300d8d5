"""Rows of ./dev bench kernels: products of matrices."""

import numpy as np
from rows import Row, evaluated, given

FORMS = {"ab": (False, False), "atb": (True, False), "abt": (False, True)}


def square(random, sizes, dtype):
    return {name: random.standard_normal((sizes["n"], sizes["n"]), dtype=np.float32) for name in "ab"}


def product(form):
    def expected(data, sizes, dtype):
        a, b = (data[name].astype(np.float64) for name in "ab")
        return (a.T if form[0] else a) @ (b.T if form[1] else b)
    return expected


def form_of(row):
    return FORMS[row.name.split("_")[1]]


ROWS = [Row(f"gemm_{name}_{n}", "gemm", f"gemm, {what}, n = {n}", {"n": n}, {"n": 48}, square, product(FORMS[name]), 2e-5, work=lambda sizes: 2 * sizes["n"]**3,
            goals={"numpy": 0.75, "mlx": 1.0}, limit="multiply_add")
        for name, what, sizes in (("ab", "A B", (128, 512, 1024)), ("atb", "transposed A times B", (512,)), ("abt", "A times transposed B", (512,))) for n in sizes]


def anymetal(row, sizes, data):
    from anymetal import kernels

    a, b = given(data["a"]), given(data["b"])
    left, right = form_of(row)
    return evaluated(lambda: kernels.gemm(a, b, transpose_a=left, transpose_b=right))


def mlx(row, sizes, data):
    import mlx.core as mx

    a, b = given(data["a"]), given(data["b"])
    left, right = form_of(row)
    return evaluated(lambda: mx.matmul(a.T if left else a, b.T if right else b))


def numpy(row, sizes, data):
    left, right = form_of(row)
    a, b, c = data["a"].T if left else data["a"], data["b"].T if right else data["b"], np.empty_like(data["a"])
    return lambda: np.matmul(a, b, out=c), lambda: c
