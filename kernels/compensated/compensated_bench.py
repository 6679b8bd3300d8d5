"""Rows of ./dev bench kernels: compensated sums. NumPy and MLX sum without compensation: theirs is the price of it."""

import numpy as np
from rows import Row, evaluated, given


def vectors(random, sizes, dtype):
    return {name: random.standard_normal(sizes["n"], dtype=np.float32) for name in "xy"}


def matrix(random, sizes, dtype):
    return {"x": random.standard_normal((sizes["n"], sizes["n"]), dtype=np.float32), "y": random.standard_normal(sizes["n"], dtype=np.float32)}


def wide(data):
    return data["x"].astype(np.float64), data["y"].astype(np.float64)


LARGE, SMALL = {"n": 1 << 24}, {"n": 1 << 12}
# The plain sums of the others have errors of sums of sizes.
ROWS = [Row(f"compensated_sum_{method}", "compensated", f"sum of 16 M floats, {method}", LARGE, SMALL, vectors,
            lambda data, sizes, dtype: np.array([wide(data)[0].sum()]), 5e-3, traffic=lambda sizes, width: 4 * sizes["n"],
            goals={"cpp": 1.0, "mlx": 1.0}, limit="read") for method in ("kahan", "neumaier", "limbs")]
ROWS += [Row("compensated_dot", "compensated", "dot product of 16 M floats, neumaier", LARGE, SMALL, vectors,
             lambda data, sizes, dtype: np.array([np.dot(*wide(data))]), 5e-3, traffic=lambda sizes, width: 8 * sizes["n"], goals={"cpp": 1.0, "mlx": 1.0}, limit="read"),
         Row("compensated_gemv", "compensated", "matrix 4096x4096 times vector, neumaier", {"n": 4096}, {"n": 48}, matrix,
             lambda data, sizes, dtype: np.matmul(*wide(data)), 2e-5, traffic=lambda sizes, width: 4 * sizes["n"]**2, goals={"cpp": 1.0, "mlx": 1.0}, limit="read")]


def method_of(row):
    return row.name.split("_")[2] if row.name.startswith("compensated_sum") else "neumaier"


def anymetal(row, sizes, data):
    from anymetal import kernels

    x, y, method = given(data["x"]), given(data["y"]), method_of(row)
    functions = {"sum": lambda: kernels.sum(x, method=method), "dot": lambda: kernels.dot(x, y, method=method), "gemv": lambda: kernels.gemv(x, y, method=method)}
    return evaluated(functions[row.name.split("_")[1]], lambda r: np.array(r).reshape(-1))


def mlx(row, sizes, data):
    import mlx.core as mx

    x, y = given(data["x"]), given(data["y"])
    functions = {"sum": lambda: mx.sum(x), "dot": lambda: mx.inner(x, y), "gemv": lambda: x @ y}
    return evaluated(functions[row.name.split("_")[1]], lambda r: np.array(r).reshape(-1))


def numpy(row, sizes, data):
    x, y, last = data["x"], data["y"], [None]
    function = {"sum": lambda: x.sum(), "dot": lambda: np.dot(x, y), "gemv": lambda: x @ y}[row.name.split("_")[1]]

    def call():
        last[0] = function()
    return call, lambda: np.array(last[0]).reshape(-1)


def cpp(row, sizes, data):
    import native
    import native_code

    functions, kind = native.library("compensated"), row.name.split("_")[1]
    rows = sizes["n"] if kind == "gemv" else 1
    out = np.empty(rows, np.float32)
    second = data["x"] if kind == "sum" else data["y"]
    return native_code.caller(getattr(functions, f"compensated_{kind}_{method_of(row)}"), data["x"], second, out, rows, sizes["n"]), lambda: out
