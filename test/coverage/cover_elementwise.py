"""Kernels that take each element by itself."""

import math

import numpy as np

from framework import FLOATS, METAL, covers, decode, encode, from_mlx, storage, to_mlx

SIZES = [1, 64, 1027]

# MLX's operation, the function of mlx.core, and what float results may differ by (relative, in units of the type's epsilon).
UNARY = {"Abs": "abs", "Ceil": "ceil", "Floor": "floor", "Round": "round", "Square": "square", "Sqrt": "sqrt",
         "Rsqrt": "rsqrt", "Exp": "exp", "Expm1": "expm1", "Log": "log", "Log2": "log2", "Log10": "log10", "Log1p": "log1p",
         "Sin": "sin", "Cos": "cos", "Tan": "tan", "Sinh": "sinh", "Cosh": "cosh", "Tanh": "tanh", "ArcSin": "arcsin",
         "ArcCos": "arccos", "ArcTan": "arctan", "ArcSinh": "arcsinh", "ArcCosh": "arccosh", "ArcTanh": "arctanh", "Erf": "erf",
         "ErfInv": "erfinv", "Sigmoid": "sigmoid", "Negative": "negative"}
EPSILON = {"float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}


def special(size, dtype):
    values = np.random.default_rng(size).normal(size=size).astype(np.float32) * 2
    values[3::17] = np.array([0.0, -0.0, np.inf, -np.inf, np.nan], np.float32)[np.arange(len(values[3::17])) % 5]
    return encode(values, dtype)


@covers("unary.h", "unary_ops.h")
def unary_floats(run):
    import mlx.core as mx

    for dtype in FLOATS:
        type = METAL[dtype]
        library = run.library({f"v_{op}": f"unary_v<{type}, {type}, {op}>" for op in UNARY})
        for op, name in UNARY.items():
            kernel = library.kernel(f"v_{op}")
            for size in SIZES:
                x = special(size, dtype)
                y = np.zeros(size, storage(dtype))
                kernel(x, y, size, grid=size)
                oracle = None
                if op == "Erf":  # MLX's CPU takes a polynomial with errors up to 4e-7; the kernel is right to one unit
                    expected, oracle = np.vectorize(math.erf)(decode(x, dtype).astype(np.float64)), "Python's math in double"
                else:
                    with mx.stream(mx.cpu):
                        expected = from_mlx(getattr(mx, name)(to_mlx(x, dtype)))
                # MLX's expm1f reduces its argument in one step only: wrong by up to 2e-6 for each multiple of log 2.
                rtol = 3e-5 if op == "Expm1" and dtype == "float32" else 16 * EPSILON[dtype]
                run.check(f"unary_v<{op}>", dtype, [size], decode(y, dtype), expected, rtol=rtol,
                          atol=2 * EPSILON[dtype], oracle=oracle)
