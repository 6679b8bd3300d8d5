"""Kernels that take elements of two or three arrays, copies, and arange: binary.h, binary_two.h,
ternary.h, copy.h, arange.h."""

import math

import numpy as np

from cover_elementwise import SHAPES, SIZES, WORK
from framework import FLOATS, INTEGERS, METAL, covers, decode, encode, storage
from values import EPSILON, anything, complexes, floats, integers, outputs, permuted, rounded

FORMS = ["sv", "vs", "vv"]


def truncated(x, y):
    """C's quotient of integers."""
    q = x // y
    return q + ((x % y != 0) & ((x < 0) != (y < 0))).astype(q.dtype)


def complex_remainder(x, y):
    """MLX's own definition, part by part, as no library has one."""
    parts = []
    for a, b in ((x.real, y.real), (x.imag, y.imag)):
        r = a - b * np.trunc(a / b)
        parts.append(np.where((r != 0) & ((r < 0) != (b < 0)), r + b, r))
    return (parts[0] + 1j * parts[1]).astype(np.complex64)


ARITHMETIC = {
    "Add": np.add, "Subtract": np.subtract, "Multiply": np.multiply, "Divide": np.divide,
    "Maximum": np.maximum, "Minimum": np.minimum, "Remainder": np.remainder, "Power": np.power
}
COMPARE = {
    "Equal": np.equal, "NotEqual": np.not_equal, "Greater": np.greater,
    "GreaterEqual": np.greater_equal, "Less": np.less, "LessEqual": np.less_equal
}
BITS = {
    "BitwiseAnd": np.bitwise_and, "BitwiseOr": np.bitwise_or, "BitwiseXor": np.bitwise_xor,
    "LeftShift": np.left_shift, "RightShift": np.right_shift
}
BOOLS = {
    "Add": np.logical_or, "Subtract": np.logical_xor, "Multiply": np.logical_and,
    "Maximum": np.logical_or, "Minimum": np.logical_and, "Power": lambda x, y: x | ~y,
    "Divide": lambda x, y: x, "Remainder": lambda x, y: x & False, "LogicalOr": np.logical_or,
    "LogicalAnd": np.logical_and, "BitwiseAnd": np.bitwise_and, "BitwiseOr": np.bitwise_or,
    "BitwiseXor": np.bitwise_xor
}


def nan_equal(x, y):
    return (x == y) | (np.isnan(x) & np.isnan(y))


def vv(run, dtype, table, make, to=None, units=None, exact=True):
    """Each operation of the table in the form for two rows."""
    type, result = METAL[dtype], to or dtype
    library = run.library({op: f"binary_vv<{type}, {METAL[result]}, {op}>" for op in table})
    for op, function in table.items():
        kernel = library.kernel(op)
        for size in SIZES:
            x, y = make(op, size)
            z = outputs(size, result)
            kernel(x, y, z, size, grid=-(-size // WORK[dtype]))
            a, b = decode(x, dtype), decode(y, dtype)
            if dtype in FLOATS and not to and op in ("Power", "LogAddExp", "ArcTan2"):
                a, b = a.astype(np.float64), b.astype(np.float64)
            with np.errstate(all="ignore"):
                expected = function(a, b)
            allowed = (units or {}).get(op, 0) * EPSILON.get(dtype, 0)
            run.check(f"binary_vv<{op}>", dtype, [size], decode(z, result),
                      expected if to else rounded(expected, dtype), rtol=allowed,
                      atol=2 * EPSILON[dtype] if op == "LogAddExp" else 0,
                      oracle="NumPy in double" if allowed else "NumPy")


@covers("binary.h", "binary_ops.h")
def binary_floats(run):
    more = {"LogAddExp": np.logaddexp, "ArcTan2": np.arctan2}
    for dtype in FLOATS:
        vv(
            run, dtype, {**ARITHMETIC, **more}, lambda op, n:
            (floats(n, dtype), floats(n, dtype, seed=1)
             if n < 50 else np.roll(floats(n, dtype, seed=1), 2)),
            units={"Power": 4, "LogAddExp": 4, "ArcTan2": 2})
        vv(
            run, dtype, {**COMPARE, "NaNEqual": nan_equal}, lambda op, n:
            (floats(n, dtype),
             np.where(np.arange(n) % 3 == 0, floats(n, dtype, seed=1), floats(n, dtype))),
            to="bool")


@covers("binary.h", "binary_ops.h")
def binary_integers(run):
    def make(op, size):
        x, y = integers(size, dtype), integers(size, dtype, seed=1)
        if op in ("Divide", "Remainder"):
            y = np.where((y == 0) | (y.astype(np.int64) == -1), np.array(3, y.dtype), y)
        if op == "Power":
            y = integers(size, dtype, 0, 6)
        if "Shift" in op:
            y = integers(size, dtype, 0, np.dtype(dtype).itemsize * 8 - 1)
        return x, y

    for dtype in INTEGERS:
        vv(run, dtype, {**ARITHMETIC, "Divide": truncated, **BITS}, make)
        vv(
            run, dtype, COMPARE, lambda op, n:
            (integers(n, dtype),
             np.where(np.arange(n) % 3 == 0, integers(n, dtype, seed=1), integers(n, dtype))),
            to="bool")
    dtype = "bool"
    vv(
        run, dtype, BOOLS, lambda op, n: (integers(n, dtype), np.ones(n, bool) if op in
                                          ("Divide", "Remainder") else integers(n, dtype, seed=1)))
    vv(run, dtype, COMPARE, lambda op, n: (integers(n, dtype), integers(n, dtype, seed=1)),
       to="bool")


@covers("binary.h", "binary_ops.h")
def binary_complex(run):
    def make(op, size):
        x, y = complexes(size), complexes(size, seed=1)
        if op == "Remainder":  # quotients that are exact, or far from an integer
            grid = np.random.default_rng(size).integers(-40, 40, (4, size)).astype(np.float32)
            x, y = ((grid[0] + 1j * grid[1]) / 4).astype(
                np.complex64), ((grid[2] % 7 - 3.5) + 1j * (grid[3] % 7 - 3.5)).astype(np.complex64)
        if op == "LogAddExp":
            x, y = (x.real + 0.2j * x.imag).astype(np.complex64), (y.real + 0.2j * y.imag).astype(
                np.complex64)
        return x, y

    def double(function):
        return lambda x, y: function(x.astype(np.complex128), y.astype(np.complex128))

    table = {op: double(function) for op, function in ARITHMETIC.items()}
    table.update({
        "Remainder": complex_remainder,
        "LogAddExp": double(lambda x, y: np.log(np.exp(x) + np.exp(y))),
        "Power": double(lambda x, y: x**y)
    })
    # The phase of a power is a sum of products up to 20, so that its error is 20 units.
    vv(run, "complex64", table, make,
       units={"Add": 1, "Subtract": 1, "Multiply": 4, "Divide": 6, "Power": 64, "LogAddExp": 16})
    vv(
        run, "complex64", COMPARE, lambda op, n:
        (complexes(n), np.where(np.arange(n) % 3 == 0, complexes(n, seed=1), complexes(n))),
        to="bool")
    nans = np.array([
        complex(np.nan, np.nan),
        complex(1, np.nan),
        complex(np.nan, 1),
        complex(np.inf, 1),
        complex(1, 1)
    ], np.complex64)
    vv(run, "complex64",
       {"NaNEqual": lambda x, y: nan_equal(x.real, y.real) & nan_equal(x.imag, y.imag)},
       lambda op, n: (np.resize(nans, n), np.resize(nans[[0, 1, 2, 3, 4, 1, 2]], n)), to="bool")
    run.rows["binary_vv<NaNEqual>", "complex64"].special = True


def strided_launch(kernel, arrays, out, shape, strides, work):
    """The general form: shape, the strides of each input, and threads as MLX counts them."""
    kernel(*arrays, *out, np.array(shape, np.int32), *strides, len(shape),
           grid=(-(-shape[-1] // work), shape[-2], math.prod(shape[:-2])))


def binary_forms(run, op, functions, dtype, x, y, shape):
    """All forms of one operation with as many results as there are functions."""
    type, size, n, work = METAL[dtype], math.prod(shape), len(functions), WORK[dtype]
    args = f"<{type}, {type}, {op}"
    library = run.library({
        "ss": f"binary_ss{args}>", **{f: f"binary_{f}{args}, 1>"
                                      for f in FORMS},
        **{f + "2": f"binary_{f}2{args}>"
           for f in FORMS}, "gn2": f"binary_g{args}, 2, int>", "gn4large": f"binary_g{args}, 4>",
        **{f"g{d}": f"binary_g_nd{d}{args}, int>"
           for d in (1, 2, 3)}, **{f"g{d}large": f"binary_g_nd{d}{args}>"
                                   for d in (1, 2, 3)}
    })
    one_x, one_y = decode(x[:1], dtype), decode(y[:1], dtype)
    flat_x, flat_y = decode(x, dtype), decode(y, dtype)

    def check(name, out, a, b):
        with np.errstate(all="ignore"):
            for function, each in zip(functions, out):
                expected = rounded(function(a, b), dtype)
                run.check(f"{name}<{op}>", dtype, shape,
                          decode(each, dtype).reshape(expected.shape), expected, oracle="NumPy")

    def fresh():
        return [outputs(size, dtype) for _ in range(n)]

    out = [outputs(1, dtype) for _ in range(n)]
    library.kernel("ss")(x, y, *out, grid=1)
    check("binary_ss", out, one_x, one_y)
    for form in FORMS:
        a, b = one_x if form[0] == "s" else flat_x, one_y if form[1] == "s" else flat_y
        out = fresh()
        library.kernel(form)(x, y, *out, size, grid=size)
        check(f"binary_{form}", out, a, b)
        out = fresh()
        library.kernel(form + "2")(x, y, *out, size,
                                   grid=(-(-shape[-1] // work), size // shape[-1]))
        check(f"binary_{form}2", out, a, b)
    view_x, strides_x = permuted(x, shape)
    view_y, strides_y = y.reshape(shape), np.array(y.reshape(shape).strides, np.int64) // y.itemsize
    for form, each in (("gn2", 2), ("gn4large", 4)):
        out = fresh()
        strided_launch(library.kernel(form), (x, y), out, shape, (strides_x, strides_y), each)
        check(f"binary_g, {each}", out, decode(view_x, dtype), decode(view_y, dtype))
    for dims in (1, 2, 3):
        if dims > len(shape):
            continue
        for large in ("", "large"):
            inner, at = shape[-dims:], (0, ) * (len(shape) - dims)
            out = [outputs(math.prod(inner), dtype) for _ in range(n)]
            sx, sy = (int(strides_x[-1]),
                      int(strides_y[-1])) if dims == 1 else (strides_x[-dims:].copy(),
                                                             strides_y[-dims:].copy())
            library.kernel(f"g{dims}{large}")(x, y, *out, sx, sy, grid=tuple(reversed(inner)))
            check(f"binary_g_nd{dims}", out, decode(view_x[at], dtype), decode(view_y[at], dtype))


CUBES = [(3, 4, 8), (9, 5, 7), (2, 3, 4, 5)]


@covers("binary.h", "binary_ops.h")
def binary_all_forms(run):
    for dtype in METAL:
        function = np.logical_xor if dtype == "bool" else np.subtract
        for shape in CUBES:
            size = math.prod(shape)
            binary_forms(run, "Subtract", [function], dtype, anything(size, dtype),
                         anything(size, dtype, seed=1), shape)


@covers("binary_two.h", "binary_ops.h")
def binary_two(run):
    for dtype in METAL:
        if dtype == "complex64":
            # MLX instantiates it "to make the compiler happy": complex numbers have no divmod
            continue
        for shape in CUBES:
            size = math.prod(shape)
            x, y = anything(size, dtype), anything(size, dtype, seed=1)
            if dtype in FLOATS:
                y = np.roll(y, 2)
                functions = [lambda a, b: np.floor(rounded(np.divide(a, b), dtype)), np.remainder]
            elif dtype == "bool":
                y[:], functions = True, [lambda a, b: a & b, lambda a, b: a & ~b]
            else:
                y = np.where((y == 0) | (y.astype(np.int64) == -1), np.array(3, y.dtype), y)
                functions = [np.floor_divide, np.remainder]
            binary_forms(run, "DivMod", functions, dtype, x, y, shape)


@covers("arange.h")
def arange(run):
    for dtype in INTEGERS + FLOATS:
        library = run.library({"arange": f"arange<{METAL[dtype]}>"})
        for size, start, step in [(1, 5, 3), (16, 2, 1), (101, 7, 1),
                                  (37, 100, -2 if dtype[0] != "u" else 1)]:
            out = outputs(size, dtype)
            library.kernel("arange")(encode([start], dtype), encode([step], dtype), out, grid=size)
            run.check("arange", dtype, [size], decode(out, dtype),
                      rounded(start + np.arange(size) * step, dtype), oracle="NumPy")
