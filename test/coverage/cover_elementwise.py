"""Kernels that take each element by itself: unary.h.

Every operation runs in every type that MLX's unary.metal instantiates, in the form for rows; the
forms for large and for strided arrays run in every type with one operation. What functions give is
compared with NumPy in double: the kernels are right to a few units of the last place, where MLX's
own CPU code often takes shorter polynomials.
"""

import math

import numpy as np

from framework import FLOATS, INTEGERS, METAL, covers, decode, from_mlx, to_mlx
from values import EPSILON, anything, complexes, floats, integers, outputs, permuted, rounded

SIZES = [1, 64, 1027]
SHAPES = [(4, 8), (9, 5, 7), (2, 3, 4, 5)]
WORK = {
    "bool": 8, "uint8": 8, "int8": 8, "uint16": 4, "int16": 4, "float16": 4, "bfloat16": 4,
    "uint32": 2, "int32": 2, "float32": 2, "uint64": 1, "int64": 1, "complex64": 1
}  # elements per thread of the forms for rows
DOUBLE = "NumPy in double"


def sigmoid(x):
    return np.where(x < 0,
                    np.exp(np.minimum(x, 0)) / (1 + np.exp(np.minimum(x, 0))), 1 /
                    (1 + np.exp(-np.maximum(x, 0)))) + 0 * np.abs(x).clip(0, 1)


def erfinv(x):
    """In double, by Newton's method from MLX's result; outside (-1, 1) what MLX gives."""
    import mlx.core as mx

    with mx.stream(mx.cpu):
        y = from_mlx(mx.erfinv(mx.array(x.astype(np.float32)))).astype(np.float64)
    inside = np.abs(x) < 1
    for _ in range(3):
        y = np.where(
            inside, y - (erf(np.where(inside, y, 0)) - x) * np.exp(np.where(inside, y, 0)**2) *
            math.sqrt(math.pi) / 2, y)
    return y


erf = np.vectorize(math.erf, otypes=[np.float64])

# The function in double, and the relative error that is allowed in float32, in units of epsilon
# (one is the spacing of
# numbers above 1): what the kernel's own steps can lose. In half and bfloat16 two more roundings
# are allowed.
FUNCTIONS = {
    "Abs": (np.abs, 0),
    "Ceil": (np.ceil, 0),
    "Floor": (np.floor, 0),
    "Round": (np.rint, 0),
    "Negative": (np.negative, 0),
    "Sign": (lambda x: np.where(np.isnan(x), 0, np.sign(x)), 0),
    "Square": (np.square, 1),
    "Sqrt": (np.sqrt, 1),
    "Rsqrt": (lambda x: 1 / np.sqrt(x), 1),
    "Exp": (np.exp, 1),
    "Log": (np.log, 1),
    "Log2": (np.log2, 1),
    "Log10": (np.log10, 1),
    "Log1p": (np.log1p, 3),
    "Sin": (np.sin, 1),
    "Cos": (np.cos, 1),
    "Tan": (np.tan, 1),
    "Sinh": (np.sinh, 1),
    "Cosh": (np.cosh, 1),
    "Tanh": (np.tanh, 1),
    "ArcSin": (np.arcsin, 1),
    "ArcCos": (np.arccos, 1),
    "ArcTan": (np.arctan, 1),
    "ArcSinh": (np.arcsinh, 1),
    "ArcCosh": (np.arccosh, 1),
    "ArcTanh": (np.arctanh, 1),
    "Erf": (erf, 2),
    "ErfInv": (erfinv, 8),
    "Sigmoid": (sigmoid, 4),
    "Expm1": (np.expm1, 2),
}

# Metal's own bounds of its functions in float32, in ulp (docs/accuracy.md): an executor may use them.
BOUNDS = {
    "Exp": 4, "Log": 4, "Log2": 4, "Log10": 4, "Sin": 4, "Cos": 4, "Tan": 6, "Sinh": 4, "Cosh": 4,
    "Tanh": 5, "ArcSin": 4, "ArcCos": 4, "ArcTan": 5, "ArcSinh": 4, "ArcCosh": 4, "ArcTanh": 5
}


def absolute_error(op, dtype, x):
    if op == "Expm1":
        # MLX's reduction takes j * log 2 away in one step with a constant that is 1.43e-6 short of
        # log 2, so that exp is
        # off by that for each j; the comment above the kernel promises a unit. Below -87 and above
        # 89 it takes 2^x.
        wrong = np.abs(np.rint(x / math.log(2))) * 1.43e-6 * np.exp(np.minimum(x, 60))
        return np.nan_to_num(wrong, nan=0, posinf=0)
    if op == "Erf":  # 1 - exp(r) by that same expm1f
        rest = np.maximum(1 - np.abs(erf(np.nan_to_num(x))), 2.0**-60)
        return np.where(
            np.abs(x) > 0.92,
            np.abs(np.rint(np.log(rest) / math.log(2))) * 1.43e-6 * rest, 0)
    return EPSILON[
        dtype] if op == "Sigmoid" else 0.0  # 1 - y, where y is rounded at a half and above


@covers("unary.h", "unary_ops.h")
def unary_floats(run):
    for dtype in FLOATS:
        type = METAL[dtype]
        library = run.library({f"vn_{op}": f"unary_v<{type}, {type}, {op}>" for op in FUNCTIONS})
        for op, (function, units) in FUNCTIONS.items():
            kernel = library.kernel(f"vn_{op}")
            for size in SIZES:
                x, y = floats(size, dtype), outputs(size, dtype)
                kernel(x, y, size, grid=-(-size // WORK[dtype]))
                with np.errstate(all="ignore"):
                    exact = function(decode(x, dtype).astype(np.float64))
                    atol = absolute_error(op, dtype, decode(x, dtype).astype(np.float64))
                if dtype == "float32":
                    units = max(units, BOUNDS.get(op, 0))
                elif units:
                    units = max(units, 2)
                run.check(f"unary_v<{op}>", dtype, [size], decode(y, dtype), rounded(exact, dtype),
                          rtol=units * EPSILON[dtype], atol=atol, oracle=DOUBLE)


@covers("unary.h", "unary_ops.h")
def unary_integers(run):
    ops = {
        "Abs": np.abs, "Ceil": lambda x: x, "Floor": lambda x: x, "Negative": np.negative,
        "Sign": np.sign, "Square": np.square, "BitwiseInvert": np.invert
    }
    bools = {
        "Abs": lambda x: x, "Ceil": lambda x: x, "Floor": lambda x: x, "Negative": lambda x: x,
        "Sign": lambda x: x, "Square": lambda x: x, "LogicalNot": np.logical_not
    }
    for dtype in ["bool", *INTEGERS]:
        type, table = METAL[dtype], bools if dtype == "bool" else ops
        library = run.library({f"vn_{op}": f"unary_v<{type}, {type}, {op}>" for op in table})
        for op, function in table.items():
            kernel = library.kernel(f"vn_{op}")
            for size in SIZES:
                x, y = integers(size, dtype), outputs(size, dtype)
                kernel(x, y, size, grid=-(-size // WORK[dtype]))
                with np.errstate(all="ignore"):
                    run.check(f"unary_v<{op}>", dtype, [size], y, function(x), oracle="NumPy")


# The relative error that is allowed, in units of epsilon: a few where each part is a product or
# quotient of functions that are
# right to a unit; more where MLX's formula adds what cancels (the logarithm of x + i sqrt(1 - x^2)
# loses up to 4 |x|^2).
COMPLEX = {
    "Abs": (np.abs, 4), "Conjugate": (np.conj, 0), "Negative": (np.negative, 0),
    "Round": (np.rint, 0), "Square": (np.square, 3), "Exp": (np.exp, 4), "Sin": (np.sin, 4),
    "Cos": (np.cos, 4), "Sinh": (np.sinh, 4), "Cosh": (np.cosh, 4), "Tan": (np.tan, 16),
    "Tanh": (np.tanh, 16), "Sqrt": (np.sqrt, 64), "Rsqrt": (lambda x: 1 / np.sqrt(x), 64),
    "Sign": (lambda x: np.where(x == 0, 0, x / np.abs(x)), 4), "Log": (np.log, 8),
    "Log2": (np.log2, 8), "Log10": (np.log10, 8), "Log1p": (np.log1p, 64),
    "ArcCos": (np.arccos, 128), "ArcSin": (np.arcsin, 128), "ArcTan": (np.arctan, 16)
}


def root_error(z):
    """What MLX's complex Sqrt can lose: its parts are roots of (|z| +- re z) / 2, one of which
    cancels."""
    size = np.abs(z)
    least = np.minimum(np.sqrt((size + z.real).clip(0) / 2), np.sqrt((size - z.real).clip(0) / 2))
    return np.minimum(2 * size * 2.0**-23 / np.maximum(least, 1e-30), np.sqrt(2 * size * 2.0**-23))


def complex_error(op, z):
    if op == "Sqrt":
        return root_error(z)
    if op == "Rsqrt":
        return root_error(z) / np.abs(z)
    if op in ("ArcSin", "ArcCos"):  # the logarithm of w + sqrt(1 - z^2)
        return root_error(1 - z * z) / np.abs((1j * z if op == "ArcSin" else -1j * z) +
                                              np.sqrt(1 - z * z))
    return 4 * 2.0**-23 if COMPLEX[op][1] > 4 else 0.0


@covers("unary.h", "unary_ops.h")
def unary_complex(run):
    library = run.library(
        {f"v_{op}": f"unary_v<complex64_t, complex64_t, {op}, 1>"
         for op in COMPLEX})
    parts = run.library(
        {f"v_{op}": f"unary_v<complex64_t, float, {op}, 1>"
         for op in ("Real", "Imag")})
    for size in SIZES:
        x = complexes(size)
        for op, (function, units) in COMPLEX.items():
            y = outputs(size, "complex64")
            library.kernel(f"v_{op}")(x, y, size, grid=size)
            run.check(f"unary_v<{op}>", "complex64", [size], y,
                      function(x.astype(np.complex128)).astype(np.complex128),
                      rtol=units * 2.0**-23, atol=complex_error(op, x.astype(np.complex128)),
                      oracle=DOUBLE)
        x[::5] = [complex(np.inf, 1),
                  complex(-0.0, np.nan),
                  complex(-np.inf, 2),
                  complex(2, -0.0)][size % 4]
        for op, function in (("Real", np.real), ("Imag", np.imag)):
            y = outputs(size, "float32")
            parts.kernel(f"v_{op}")(x, y, size, grid=size)
            run.check(f"unary_v<{op}>", "complex64", [size], y, function(x), oracle="NumPy")
    # exp has the special values of C's annex G, where NumPy has them too.
    special = np.array([
        complex(a, b) for a in (np.inf, -np.inf, np.nan, 0.0, -0.0, 1.0, 90.0)
        for b in (0.0, -0.0, 1.0, np.inf, np.nan)
    ], np.complex64)
    y = np.zeros_like(special)
    library.kernel("v_Exp")(special, y, len(special), grid=len(special))
    with np.errstate(all="ignore"):
        expected = np.exp(special)
    for name, part in (("real", np.real), ("imaginary", np.imag)):
        skip = np.isinf(special.real) & ~np.isfinite(
            special.imag)  # the sign of an infinite or zero result is open there
        got, want = np.where(skip, 0, part(y)), np.where(skip, 0, part(expected))
        run.check("unary_v<Exp>", "complex64", [len(special), name], got, want, rtol=2.0**-21,
                  oracle=DOUBLE)


def fp8_values():
    """What the 256 bit patterns of E4M3 mean (127 and 255 are NaN)."""
    bits = np.arange(256)
    sign, exponent, mantissa = np.where(bits & 128, -1.0, 1.0), (bits >> 3) & 15, bits & 7
    return np.where(
        bits & 127 == 127, np.nan,
        sign * np.where(exponent == 0, mantissa / 512, (1 + mantissa / 8) * 2.0**(exponent - 7.0)))


def to_fp8(x):
    """The bits of the nearest E4M3 value, to even between two; out of range and NaN: the largest,
    as MLX has it."""
    values = fp8_values()[:127]
    x64 = np.where(np.isnan(x), np.inf, np.abs(x)).astype(np.float64).clip(0, 448)
    above = np.searchsorted(values, x64).clip(0, 126)
    below = (above - 1).clip(0)
    low, high = x64 - values[below], values[above] - x64
    nearest = np.where((low < high) | ((low == high) & (below % 2 == 0)), below, above)
    return (nearest | np.where(np.signbit(x), 128, 0)).astype(np.uint8)


@covers("unary.h", "unary_ops.h")
def unary_fp8(run):
    for dtype in FLOATS:
        type = METAL[dtype]
        library = run.library({
            "to": f"unary_v<{type}, uint8_t, ToFP8>", "from": f"unary_v<uint8_t, {type}, FromFP8>"
        })
        for size in [1, 64, 1027]:
            x, y = floats(size, dtype, scale=60.0), outputs(size, "uint8")
            library.kernel("to")(x, y, size, grid=-(-size // WORK[dtype]))
            run.check("unary_v<ToFP8>", dtype, [size], y, to_fp8(decode(x, dtype)),
                      oracle="the format's definition")
            run.rows["unary_v<ToFP8>", dtype].special = True
        for size in [1, 100, 256]:
            x, y = np.arange(size).astype(np.uint8), outputs(size, dtype)
            library.kernel("from")(x, y, size, grid=-(-size // 8))
            run.check("unary_v<FromFP8>", dtype, [size],
                      decode(y, dtype).astype(np.float64),
                      fp8_values()[x], oracle="the format's definition")


@covers("unary.h", "unary_ops.h")
def unary_forms(run):
    for dtype in METAL:
        if dtype == "bool":
            op, function = "LogicalNot", np.logical_not
        else:
            op, function = "Negative", np.negative
        type, work = METAL[dtype], WORK[dtype]
        library = run.library({
            "v": f"unary_v<{type}, {type}, {op}, 1>", "v2": f"unary_v2<{type}, {type}, {op}>",
            "gn1": f"unary_g<{type}, {type}, {op}, 1, int>",
            "gn4large": f"unary_g<{type}, {type}, {op}, 4>"
        })
        for shape in SHAPES:
            size = math.prod(shape)
            x = anything(size, dtype)
            with np.errstate(all="ignore"):
                flat = function(decode(x, dtype))
            view, strides = permuted(x, shape)
            y = outputs(size, dtype)
            library.kernel("v")(x, y, size, grid=size)
            run.check(f"unary_v<{op}>", dtype, shape, decode(y, dtype), flat, oracle="NumPy")
            y = outputs(size, dtype)
            library.kernel("v2")(x, y, size, grid=(-(-shape[-1] // work), size // shape[-1]))
            run.check(f"unary_v2<{op}>", dtype, shape, decode(y, dtype), flat, oracle="NumPy")
            with np.errstate(all="ignore"):
                expected = function(decode(view, dtype))
            for form, each in (("gn1", 1), ("gn4large", 4)):
                y = outputs(size, dtype)
                library.kernel(form)(x, y, np.array(shape, np.int32), strides, len(shape),
                                     grid=(-(-shape[-1] // each), shape[-2],
                                           size // (shape[-1] * shape[-2])))
                run.check(f"unary_g<{op}, {each}>", dtype, shape,
                          decode(y, dtype).reshape(shape), expected, oracle="NumPy")
