"""Reductions: reduce.h with reduction/*.h; and hadamard.h."""

import math

import numpy as np

from framework import FLOATS, INTEGERS, METAL, covers, decode, encode
from values import EPSILON, anything, complexes, floats, integers, outputs, rounded

FUNCTIONS = {"Sum": np.add, "Prod": np.multiply, "Min": np.minimum, "Max": np.maximum}
WIDER = {"uint8": "int32", "int8": "int32", "int16": "int32", "uint16": "uint32"}  # what MLX sums small integers in


def cases():
    """Operation, type of the input and of the result, as MLX's reduce.metal instantiates them."""
    for op in FUNCTIONS:
        for dtype in [*INTEGERS, *FLOATS, "complex64"]:
            yield op, dtype, WIDER.get(dtype, dtype) if op in ("Sum", "Prod") else dtype
    for op in ("And", "Or"):
        for dtype in ["bool", "int16", "int32", "int64", *FLOATS]:
            yield op, dtype, "bool"


def inputs(op, dtype, size):
    if op in ("And", "Or"):
        return encode((np.arange(size) % 97 != 5) if op == "And" else (np.arange(size) % 97 == 5), dtype)
    if op == "Prod" and dtype in EPSILON:  # exact products, in any order
        return encode(np.resize([2.0, 0.5, -1.0, 1.0], size), dtype)
    if dtype in FLOATS:
        return floats(size, dtype, special=False)
    return complexes(size) if dtype == "complex64" else integers(size, dtype)


def reduced(op, x, dtype, result, axis):
    """In NumPy, and how far a sum may be off: each element goes through at most 24 additions."""
    a = decode(x, dtype)
    if op in ("And", "Or"):
        return (np.all if op == "And" else np.any)(a != 0, axis=axis), 0.0
    wide = (np.complex128 if dtype == "complex64" else np.float64) if dtype in EPSILON else np.dtype(result)
    a = a.astype(wide)
    off = 24 * EPSILON[dtype] * np.abs(a).sum(axis) if op == "Sum" and dtype in EPSILON else 0.0
    return FUNCTIONS[op].reduce(a, axis=axis, **({"dtype": wide} if op in ("Sum", "Prod") else {})), off


def check(run, name, op, dtype, result, x, y, axis):
    wanted, off = reduced(op, x, dtype, result, axis)
    run.check(f"{name}<{op}>", dtype, x.shape, decode(y, result).reshape(np.shape(wanted)), wanted, atol=off, oracle="NumPy")


def one(number, kind):
    return np.array([number], kind)


@covers("reduce.h", "defines.h", "atomic.h", "reduction/ops.h")
def reductions(run):
    for op, dtype, result in cases():
        t, u = METAL[dtype], METAL[result]
        tail = f"<{t}, {u}, {op}<{u}>"
        library = run.library({"all": f"all_reduce{tail}>", "simple": f"row_reduce_simple{tail}>", "small": f"row_reduce_small{tail}, int, 1>",
                               "looped": f"row_reduce_looped{tail}, int, 1>", "col_small": f"col_reduce_small{tail}, int, 1>",
                               "col_looped": f"col_reduce_looped{tail}, int, 1, 32, 32>", "init": f"init_reduce<{u}, {op}<{u}>>"})
        for size in (1, 128, 1003):
            x, y = inputs(op, dtype, size), outputs(1, result)
            library.kernel("all")(x, y, size, size, threadgroups=1, threadgroup=-(-size // 128) * 32)
            check(run, "all_reduce", op, dtype, result, x, y, 0)
        for shape in [(4, 64), (5, 129), (7, 1003)]:
            x, y = inputs(op, dtype, math.prod(shape)).reshape(shape), outputs(shape[0], result)
            library.kernel("simple")(x, y, shape[1], shape[0], threadgroups=(1, -(-shape[0] // 4)), threadgroup=-(-shape[1] // 128) * 32)
            check(run, "row_reduce_simple", op, dtype, result, x, y, 1)
        shape_of = lambda *sizes: np.array(sizes, np.int32)
        for shape in [(3, 6, 8), (4, 5, 7), (2, 3, 63)]:  # the first and the last axis are reduced
            x = inputs(op, dtype, math.prod(shape)).reshape(shape)
            for name in ("small", "looped"):
                y = outputs(shape[1], result)
                sizes = {"grid": shape[1]} if name == "small" else {"threadgroups": (1, shape[1]), "threadgroup": 32}
                library.kernel(name)(x, y, shape[2], shape[0], shape_of(shape[1]), one(shape[2], np.int64), 1, shape_of(shape[0]),
                                     one(shape[1] * shape[2], np.int64), 1, **sizes)
                check(run, f"row_reduce_{name}", op, dtype, result, x, y, (0, 2))
        for shape in [(2, 8, 32), (3, 9, 37), (1, 100, 65)]:  # the middle axis is reduced
            x = inputs(op, dtype, math.prod(shape)).reshape(shape)
            for name in ("col_small", "col_looped"):
                y = outputs((shape[0], shape[2]), result)
                more = [0] if name == "col_looped" else []
                blocks = -(-shape[2] // 4)
                wide = min(blocks, 32)
                sizes = ({"threadgroups": (-(-blocks // wide), shape[0]), "threadgroup": (wide, 8)} if name == "col_small" else
                         {"threadgroups": (-(-shape[2] // 32), shape[0]), "threadgroup": 256})
                library.kernel(name)(x, y, shape[1], shape[2], shape_of(shape[0]), one(shape[1] * shape[2], np.int64), 1, shape_of(shape[1]),
                                     one(shape[2], np.int64), 1, 1, *more, **sizes)
                check(run, f"col_reduce_{name[4:]}", op, dtype, result, x, y, 1)
        for size in (1, 8, 33):
            y, first = outputs(size, result), {"Sum": 0, "Prod": 1, "And": 1, "Or": 0}
            library.kernel("init")(y, grid=size)
            if op in first:
                run.check(f"init_reduce<{op}>", dtype, [size], decode(y, result), np.full(size, first[op]), oracle="the operation's neutral element")


@covers("hadamard.h")
def hadamard(run):
    for dtype in FLOATS:
        for n, radix, width in [(8, 8, 2), (64, 16, 4), (512, 16, 4)]:
            library = run.library({"n": f"hadamard_n<{METAL[dtype]}, {n}, {min(radix, n)}, {width}>"})
            matrix = np.ones((1, 1))
            while len(matrix) < n:
                matrix = np.block([[matrix, matrix], [matrix, -matrix]])
            for batch in (1, 3, 5):
                x, y = floats(batch * n, dtype, special=False).reshape(batch, n), outputs((batch, n), dtype)
                library.kernel("n")(x, y, 0.5, grid=(n // min(radix, n), batch), threadgroup=n // min(radix, n))
                a = decode(x, dtype).astype(np.float64)
                off = 4 * EPSILON[dtype] * np.abs(a).sum(-1, keepdims=True)
                run.check(f"hadamard_n<{n}>", dtype, [batch, n], decode(y, dtype), 0.5 * a @ matrix, atol=off * np.ones((1, n)), oracle="NumPy's product with the matrix")
