"""The rows of the table: what is computed, on which data, what is right, and which speed is the goal.

A row knows nothing about those who compute it. Inputs are made from a fixed seed; `expected` is computed by NumPy in double (or exactly, in
integers), and a result may be off by `tolerance` times the largest expected value; 0 means bit for bit.
"""

from dataclasses import dataclass, field
from typing import Any, Callable

import numpy as np

EPSILON = 1e-5  # of rms_norm
SCALE = 1.5  # of saxpy
HALVES = {"float": 2.0**-23, "half": 2.0**-10, "bfloat": 2.0**-7}


def encode(values, dtype):
    """Values as bytes of a type: NumPy has no bfloat, it is kept as uint16."""
    if dtype != "bfloat":
        return np.ascontiguousarray(values, np.float32 if dtype == "float" else np.float16)
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def decode(array, dtype):
    return (array.astype(np.uint32) << 16).view(np.float32) if dtype == "bfloat" else array


def storage(dtype):
    return np.dtype({"float": "float32", "half": "float16", "bfloat": "uint16"}[dtype])


@dataclass(frozen=True)
class Row:
    name: str
    family: str  # the peers' function
    what: str
    sizes: dict
    tiny: dict  # sizes for tests
    inputs: Callable  # (rng, sizes, dtype) -> {name: array}
    expected: Callable  # ({name: array}, sizes, dtype) -> array
    tolerance: float = 0.0
    dtype: str = "float"
    traffic: Callable | None = None  # sizes, bytes of an element -> bytes that must be moved
    work: Callable | None = None  # sizes -> floating-point operations
    goals: dict = field(default_factory=dict)  # peer, or "best": how many times its speed
    limit: str | None = None  # the machine's own measure for it: copy, triad, read, multiply_add
    relative: bool = False  # to each expected value, not to the largest
    timed: str = "call"  # "itself": the contender's call returns the seconds
    slack: float = 0.05  # seconds that a turn measures

    def size(self, tiny):
        return self.tiny if tiny else self.sizes


def width(dtype):
    return 4 if dtype == "float" else 2


# Elementwise ------------------------------------------------------------------------------------------------------------

def vector(rng, sizes, dtype):
    return {"x": rng.standard_normal(sizes["n"], dtype=np.float32)}


def two_vectors(rng, sizes, dtype):
    return vector(rng, sizes, dtype) | {"y": rng.standard_normal(sizes["n"], dtype=np.float32)}


def exponents(rng, sizes, dtype):
    return {"x": rng.random(sizes["n"], dtype=np.float32) * 20 - 10}


def strided_input(rng, sizes, dtype):
    return {"x": rng.standard_normal(2 * sizes["n"], dtype=np.float32)}


# By rows ------------------------------------------------------------------------------------------------------------------

def matrix(rng, sizes, dtype):
    return {"x": encode(3 * rng.standard_normal((sizes["rows"], sizes["columns"]), dtype=np.float32), dtype)}


def weighted_matrix(rng, sizes, dtype):
    return matrix(rng, sizes, dtype) | {"w": encode(rng.standard_normal(sizes["columns"], dtype=np.float32), dtype)}


def by_rows(function):
    """In pieces: doubles of the whole would not fit beside the rest."""
    def expected(data, sizes, dtype):
        x = data["x"]
        result = np.empty(x.shape, np.float32)
        for start in range(0, len(x), 256):
            result[start:start + 256] = function(decode(x[start:start + 256], dtype).astype(np.float64), data, dtype)
        return result
    return expected


def softmax_rows(x, data, dtype):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def rms_norm_rows(x, data, dtype):
    return x / np.sqrt((x * x).mean(1, keepdims=True) + EPSILON) * decode(data["w"], dtype).astype(np.float64)


def scan_rows(x, data, dtype):
    return np.cumsum(x, 1)


def softmax_tolerance(dtype):
    """Fast exponentials are off by some 1e-5 of the result; half and bfloat by the rounding of inputs' and results' last places."""
    return 1e-4 if dtype == "float" else 2 * HALVES[dtype]


# Vectors and matrices -----------------------------------------------------------------------------------------------------

def tall(rng, sizes, dtype):
    m, k = sizes["m"], sizes["k"]
    return {"q": rng.standard_normal((m, k), dtype=np.float32), "v": rng.standard_normal(m, dtype=np.float32),
            "c": rng.standard_normal(k, dtype=np.float32)}


def square(rng, sizes, dtype):
    n = sizes["n"]
    return {name: encode(rng.standard_normal((n, n), dtype=np.float32), dtype) for name in "ab"}


def images(rng, sizes, dtype):
    return {"x": rng.standard_normal((sizes["batch"], sizes["channels"], sizes["length"]), dtype=np.float32),
            "w": rng.standard_normal((sizes["channels"], 3), dtype=np.float32)}


def depthwise(data, sizes, dtype):
    x, w = data["x"], data["w"][None, :, :, None]
    result = w[:, :, 1] * x
    result[..., 1:] += w[:, :, 0] * x[..., :-1]
    result[..., :-1] += w[:, :, 2] * x[..., 1:]
    return result


def mandelbrot(data, sizes, dtype):
    """In float, operation by operation as the kernels have it; multiply-adds may differ in a few pixels."""
    w, h, limit = sizes["w"], sizes["h"], sizes["limit"]
    cr = (np.float32(-2.0) + np.float32(2.5) * np.arange(w, dtype=np.float32) / np.float32(w))[None, :].repeat(h, 0).ravel()
    ci = (np.float32(-1.25) + np.float32(2.5) * np.arange(h, dtype=np.float32) / np.float32(h))[:, None].repeat(w, 1).ravel()
    counts = np.zeros(w * h, np.int32)
    alive, zr, zi = np.arange(w * h), np.zeros(w * h, np.float32), np.zeros(w * h, np.float32)
    for _ in range(limit):
        rr, ii = zr * zr, zi * zi
        keep = rr + ii <= 4
        alive, cr, ci, zr, zi, rr, ii = (each[keep] for each in (alive, cr, ci, zr, zi, rr, ii))
        if not len(alive):
            break
        counts[alive] += 1
        zr, zi = rr - ii + cr, (zr + zr) * zi + ci
    return counts.reshape(h, w)


def words(rng, sizes, dtype):
    return {"x": rng.integers(0, 1 << 32, sizes["n"], dtype=np.uint32)}


# MLX's kernels ------------------------------------------------------------------------------------------------------------

def attention_inputs(rng, sizes, dtype):
    heads, kv_heads, queries, keys, dim = (sizes[name] for name in ("heads", "kv_heads", "queries", "keys", "dim"))
    return {"q": rng.standard_normal((heads, queries, dim), dtype=np.float32), "k": rng.standard_normal((kv_heads, keys, dim), dtype=np.float32),
            "v": rng.standard_normal((kv_heads, keys, dim), dtype=np.float32)}


def attention(data, sizes, dtype):
    q, k, v = data["q"], data["k"], data["v"]
    result = np.empty(q.shape, np.float32)
    share = len(q) // len(k)
    for head in range(len(q)):
        scores = (q[head].astype(np.float64) @ k[head // share].T.astype(np.float64)) * q.shape[-1]**-0.5
        weights = np.exp(scores - scores.max(1, keepdims=True))
        result[head] = weights @ v[head // share].astype(np.float64) / weights.sum(1, keepdims=True)
    return result


def quantized_inputs(rng, sizes, dtype):
    n, k = sizes["n"], sizes["k"]
    return {"w": rng.integers(0, 1 << 32, (n, k // 8), dtype=np.uint32), "scales": rng.standard_normal((n, k // 64), dtype=np.float32),
            "biases": rng.standard_normal((n, k // 64), dtype=np.float32), "x": rng.standard_normal(k, dtype=np.float32)}


def quantized(data, sizes, dtype):
    codes = ((data["w"][:, :, None] >> (4 * np.arange(8, dtype=np.uint32))) & 15).reshape(sizes["n"], -1, 64)
    weights = codes * data["scales"].astype(np.float64)[:, :, None] + data["biases"][:, :, None]
    return weights.reshape(sizes["n"], -1) @ data["x"].astype(np.float64)


def nothing(rng, sizes, dtype):
    return {}


def product(data, sizes, dtype):
    a, b = (decode(data[name], dtype).astype(np.float64) for name in "ab")
    return a @ b


BIG = {"n": 1 << 24}
TINY = {"n": 1 << 12}
SQUARE = {"rows": 4096, "columns": 4096}
TINY_SQUARE = {"rows": 12, "columns": 1024}
TALL = {"m": 4096, "k": 256}
TINY_TALL = {"m": 96, "k": 64}
FOREIGN = {"intel": 0.95}


def elementwise(name, what, inputs, expected, tolerance, traffic, goals, **more):
    return Row(name, name, what, BIG, TINY, inputs, expected, tolerance, traffic=lambda s, _: traffic * s["n"], goals=goals | FOREIGN, **more)


def table():
    """All rows, in order."""
    rows = [
        elementwise("exp", "exp of 16 M floats", exponents, lambda d, s, _: np.exp(d["x"].astype(np.float64)), 2e-6, 8, {"best": 1.0, "limit": 0.8},
                    limit="copy", relative=True),
        elementwise("saxpy", "z = a x + y, 16 M", two_vectors, lambda d, s, _: SCALE * d["x"].astype(np.float64) + d["y"], 1e-7, 12, {"cpp": 1.0},
                    limit="triad"),
        elementwise("copy", "copy of 16 M floats", vector, lambda d, s, _: d["x"], 0, 8, {"cpp": 1.0}, limit="copy"),
        elementwise("cast", "16 M floats to half", vector, lambda d, s, _: d["x"].astype(np.float16), 0, 6, {"cpp": 1.0}, limit="copy"),
        elementwise("strided_copy", "every second of 32 M floats", strided_input, lambda d, s, _: d["x"][::2], 0, 12, {"cpp": 1.0}, limit="copy"),
    ]
    for family, function, inputs, goal in (("softmax", softmax_rows, matrix, 1.2), ("rms_norm", rms_norm_rows, weighted_matrix, 1.0)):
        for dtype in ("float", "half", "bfloat"):
            rows.append(Row(family if dtype == "float" else f"{family}_{dtype}", family, f"{family}, 4096x4096, {dtype}", SQUARE, TINY_SQUARE, inputs,
                            by_rows(function), softmax_tolerance(dtype), dtype, traffic=lambda s, w: 2 * w * s["rows"] * s["columns"],
                            goals={"cpp": goal} | FOREIGN, limit="copy"))
    dots = {"inputs": tall, "expected": lambda d, s, _: d["q"].astype(np.float64).T @ d["v"], "tolerance": 2e-5,
            "traffic": lambda s, _: 4 * s["m"] * s["k"], "goals": {"cpp": 1.0} | FOREIGN, "limit": "read", "slack": 0.02}
    rows += [
        Row("qtv", "qtv", "c = transposed Q times v, 4096x256, a thread a column", TALL, TINY_TALL, **dots),
        Row("qtv_32x8", "qtv_32x8", "the same, threadgroups of 32x8", TALL, TINY_TALL, **dots),
        Row("rank1", "rank1", "R = Q - v transposed c, 4096x256", TALL, TINY_TALL, tall, lambda d, s, _: d["q"] - np.outer(d["v"], d["c"]), 1e-6,
            traffic=lambda s, _: 8 * s["m"] * s["k"], goals={"cpp": 1.0} | FOREIGN, limit="copy", slack=0.02),
    ]
    for n in (512, 1024):
        rows.append(Row(f"gemm_{n}", "gemm", f"tiled GEMM 16x16, n = {n}", {"n": n}, {"n": 64}, square, product, 2e-5, work=lambda s: 2 * s["n"]**3,
                        goals={"cpp": 0.9} | FOREIGN, limit="multiply_add"))
    for dtype in ("float", "half", "bfloat"):
        rows.append(Row(f"steel_gemm_{dtype}", "steel_gemm", f"MLX's steel GEMM, n = 1024, {dtype}", {"n": 1024}, {"n": 64}, square, product,
                        max(2e-5, 2 * HALVES[dtype]) if dtype != "float" else 2e-5, dtype, work=lambda s: 2 * s["n"]**3, goals={"openblas": 0.8},
                        limit="multiply_add"))
    rows += [
        Row("depthwise", "depthwise", "depthwise convolution, 3 taps, 8x768x4096", {"batch": 8, "channels": 768, "length": 4096},
            {"batch": 2, "channels": 3, "length": 500}, images, depthwise, 1e-6, traffic=lambda s, _: 8 * s["batch"] * s["channels"] * s["length"],
            goals={"cpp": 1.0} | FOREIGN, limit="copy"),
        Row("mandelbrot", "mandelbrot", "Mandelbrot 2048x2048, 256 rounds", {"w": 2048, "h": 2048, "limit": 256}, {"w": 64, "h": 32, "limit": 40},
            nothing, mandelbrot, dtype="int", goals={"cpp": 1.0} | FOREIGN),
    ]
    for where in ("device", "threadgroup"):
        rows.append(Row(f"histogram_{where}", f"histogram_{where}", f"16 M values into 256 bins, {where} atomics", BIG, {"n": 1 << 14}, words,
                        lambda d, s, _: np.bincount(d["x"] & 255, minlength=256), dtype="int", traffic=lambda s, _: 4 * s["n"],
                        goals={"cpp": 1.0} | FOREIGN, limit="read"))
    rows += [
        Row("sdpa_vector", "sdpa", "MLX's attention of one query, 32 heads of 8, 2048 keys of 128",
            {"heads": 32, "kv_heads": 8, "queries": 1, "keys": 2048, "dim": 128}, {"heads": 4, "kv_heads": 2, "queries": 1, "keys": 50, "dim": 64},
            attention_inputs, attention, 2e-5, traffic=lambda s, _: 8 * s["kv_heads"] * s["keys"] * s["dim"], goals={"cpp": 0.7}),
        Row("sdpa_full", "sdpa", "MLX's attention, 8 heads, 1024 queries and keys of 64",
            {"heads": 8, "kv_heads": 8, "queries": 1024, "keys": 1024, "dim": 64}, {"heads": 2, "kv_heads": 1, "queries": 64, "keys": 128, "dim": 64},
            attention_inputs, attention, 2e-5, work=lambda s: 4 * s["heads"] * s["queries"] * s["keys"] * s["dim"], goals={"cpp": 0.7},
            limit="multiply_add"),
        Row("quantized_gemv", "quantized_gemv", "MLX's 4-bit matrix times vector, 4096x4096, groups of 64", {"n": 4096, "k": 4096}, {"n": 16, "k": 512},
            quantized_inputs, quantized, 2e-5, traffic=lambda s, _: s["n"] * (s["k"] // 2 + s["k"] // 8), goals={"cpp": 0.7}),
        Row("sort", "sort", "MLX's sort of 2048 rows of 2048 floats", {"rows": 2048, "columns": 2048}, {"rows": 3, "columns": 2048}, matrix,
            lambda d, s, _: np.sort(d["x"], 1), traffic=lambda s, w: 2 * w * s["rows"] * s["columns"], goals={"cpp": 0.7}),
        Row("scan", "scan", "MLX's running sum of 4096 rows of 4096 floats", SQUARE, TINY_SQUARE, matrix, by_rows(scan_rows), 2e-5,
            traffic=lambda s, w: 2 * w * s["rows"] * s["columns"], goals={"cpp": 0.7}, limit="copy"),
        Row("launch", "launch", "an empty kernel of one threadgroup, launch and wait, from C++", {}, {}, nothing, None, goals={"seconds": 1e-6},
            timed="itself"),
        Row("launch_python", "launch_python", "the same from Python", {}, {}, nothing, None, timed="itself"),
        Row("first_cold", "first_cold", "first run of a small kernel that nobody has seen", {}, {}, nothing, None, goals={"seconds": 30e-3},
            timed="itself"),
        Row("first_disk", "first_disk", "first run of a small kernel from the disk cache", {}, {}, nothing, None, goals={"seconds": 3e-3},
            timed="itself"),
    ]
    return {row.name: row for row in rows}


def error(row, actual, expected):
    """How far a result is off, as a share of what is allowed; more than 1 is wrong."""
    actual = decode(np.asarray(actual), row.dtype)
    if actual.shape != np.shape(expected):
        return float("inf")
    if row.name == "mandelbrot":  # where a multiply-add is rounded once, a few pixels on the border differ
        return float((actual != expected).mean() / 2e-3)
    if row.tolerance == 0:
        return float("inf") if not np.array_equal(actual, expected) else 0.0
    off = np.abs(actual.astype(np.float64) - expected)
    worst = float(np.max(off / np.abs(expected) if row.relative else off / np.max(np.abs(expected)))) / row.tolerance
    return worst if np.isfinite(worst) else float("inf")


def inputs(row, tiny=False) -> dict[str, Any]:
    return row.inputs(np.random.default_rng(7), row.size(tiny), row.dtype)


FAMILIES = {row.family for row in table().values()}
