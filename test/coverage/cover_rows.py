"""Kernels that go along rows: softmax.h, logsumexp.h, dot.h, scan.h, searchsorted.h; and
ternary.h."""

import math

import numpy as np

from cover_elementwise import WORK
from cover_pairs import CUBES
from framework import FLOATS, METAL, covers, decode, encode, storage
from values import EPSILON, anything, complexes, floats, integers, outputs, permuted, rounded

DOUBLE = "NumPy in double"
ROWS = [(3, 8), (2, 256), (4, 1003), (2, 4096)]


def threads(axis):
    """A thread for four elements, in whole simdgroups, as MLX counts them for rows of up to
    4096."""
    return -(-axis // 128) * 32


def special_rows(shape, dtype):
    x = floats(math.prod(shape), dtype, special=False).reshape(shape)
    if shape[0] > 2:
        x[1, 2], x[2, 5] = encode([np.nan], dtype)[0], encode([-np.inf], dtype)[0]
    if shape[0] > 3:
        x[3, 7] = encode([np.inf], dtype)[0]
    return x


@covers("softmax.h")
def softmax(run):
    for dtype in FLOATS:
        for accumulator in ([METAL[dtype]] if dtype == "float32" else [METAL[dtype], "float"]):
            args = f"<{METAL[dtype]}, {accumulator}>"
            library = run.library(
                {name: name + args for name in ("softmax_single_row", "softmax_looped")})
            for shape in ROWS:
                x = special_rows(shape, dtype)
                with np.errstate(all="ignore"):
                    a = decode(x, dtype).astype(np.float64)
                    e = np.exp(a - a.max(-1, keepdims=True))
                    expected = rounded(e / e.sum(-1, keepdims=True), dtype)
                for name, group in (("softmax_single_row", threads(shape[1])),
                                    ("softmax_looped", 1024)):
                    y = outputs(shape, dtype)
                    library.kernel(name)(x, y, shape[1], threadgroups=shape[0], threadgroup=group)
                    # Each of x - max, the sum (14 steps) and the quotient rounds in the
                    # accumulator's type.
                    units = 32 if accumulator == METAL[dtype] else 2
                    run.check(f"{name}<{accumulator if accumulator == 'float' else 'T'}>",
                              dtype, shape, decode(y, dtype), expected, rtol=units * EPSILON[dtype],
                              atol=2.0**-24 if dtype == "float16" else 0, oracle=DOUBLE)


@covers("logsumexp.h")
def logsumexp(run):
    for dtype in FLOATS:
        library = run.library(
            {name: f"{name}<{METAL[dtype]}>" for name in ("logsumexp", "logsumexp_looped")})
        for shape in ROWS:
            x = special_rows(shape, dtype)
            with np.errstate(all="ignore"):
                expected = rounded(
                    np.logaddexp.reduce(decode(x, dtype).astype(np.float64), axis=-1), dtype)
            for name, group in (("logsumexp", threads(shape[1])), ("logsumexp_looped", 1024)):
                y = outputs(shape[0], dtype)
                library.kernel(name)(x, y, shape[1], threadgroups=shape[0], threadgroup=group)
                run.check(name, dtype, shape, decode(y, dtype), expected,
                          rtol=4 * EPSILON[dtype], oracle=DOUBLE)


@covers("cross_entropy.h")
def cross_entropy(run):
    for dtype in FLOATS:
        library = run.library(
            {"loss": f"cross_entropy<{METAL[dtype]}>", "vjp": f"cross_entropy_vjp<{METAL[dtype]}>"})
        for shape in ROWS:
            x = special_rows(shape, dtype)
            targets = np.array([1, -2, 3, 0], np.int32)[:shape[0]]
            a = decode(x, dtype).astype(np.float64)
            chosen = a[np.arange(shape[0]), targets]
            with np.errstate(all="ignore"):
                expected = np.logaddexp.reduce(a, axis=-1) - chosen
            y = outputs(shape[0], "float32")
            library.kernel("loss")(x, targets, y, shape[1], threadgroups=shape[0],
                                   threadgroup=threads(shape[1]))
            run.check("cross_entropy", dtype, shape, y, expected, rtol=8 * 2.0**-23,
                      atol=16 * 2.0**-23, oracle=DOUBLE)
            loss, cotangent = np.nan_to_num(expected, nan=1,
                                            posinf=1).astype(np.float32), np.linspace(
                                                -1, 2, shape[0], dtype=np.float32)
            with np.errstate(all="ignore"):
                p = np.exp(a - chosen[:, None] - loss[:, None])
            p[np.arange(shape[0]), targets] -= 1
            y = outputs(shape, dtype)
            library.kernel("vjp")(x, targets, loss, cotangent, y, shape[1], threadgroups=shape[0],
                                  threadgroup=threads(shape[1]))
            with np.errstate(all="ignore"):
                wanted = rounded(p * cotangent[:, None], dtype)
            run.check("cross_entropy_vjp", dtype, shape, decode(y, dtype), wanted,
                      rtol=2 * EPSILON[dtype] + 2.0**-19, atol=2.0**-21, oracle=DOUBLE)


@covers("dot.h")
def dot(run):
    for dtype in FLOATS:
        library = run.library({"dot": f"dot_product<{METAL[dtype]}, 32, 256, 8>"})
        for size in [1, 4096, 5003, 12345]:
            x, y = floats(size, dtype, special=False), floats(size, dtype, special=False, seed=1)
            if size == 5003:
                x[4999] = encode([np.inf], dtype)[0]
            groups = -(-size // 8192)
            z = outputs(groups, "float32")
            library.kernel("dot")(x, y, z, size, threadgroups=groups, threadgroup=256)
            products = np.zeros(groups * 8192)
            products[:size] = decode(x, dtype).astype(np.float64) * decode(y, dtype)
            products = products.reshape(groups, -1)
            # 32 products for each thread and then 8 steps of a tree.
            atol = 16 * 2.0**-24 * np.nan_to_num(np.abs(products), posinf=0).sum(-1)
            run.check("dot_product", dtype, [size], z, products.sum(-1), atol=atol, oracle=DOUBLE)


SCANS = {
    "CumSum": (np.add, 0), "CumProd": (np.multiply, 1), "CumMax": (np.maximum, "least"),
    "CumMin": (np.minimum, "most"), "CumLogaddexp": (np.logaddexp, "least")
}


def extreme(which, dtype):
    if dtype == "bool":
        return which == "most"
    if dtype in EPSILON:
        value = np.inf if which == "most" else -np.inf
        return complex(value, value) if dtype == "complex64" else value
    return np.iinfo(dtype).max if which == "most" else np.iinfo(dtype).min


def scan_values(op, shape, dtype, which):
    """With NaN (which = 1) or infinity (which = 2) in the last row, if the type has them."""
    size = math.prod(shape)
    if op == "CumProd" and dtype in EPSILON:  # exact products, so that their order doesn't matter
        signs = np.random.default_rng(size).integers(0, 4, size)
        if dtype == "complex64":
            x = encode((1j**signs).round(), dtype)
        else:
            x = encode(np.where(signs % 2, -1.0, 1.0) * np.resize([2.0, 0.5, 1.0], size), dtype)
    elif dtype == "complex64":
        x = complexes(size, 0.3)
    else:
        x = floats(size, dtype, special=False) if dtype in EPSILON else integers(size, dtype)
    x = x.reshape(shape)
    if dtype in FLOATS and which:
        x[(-1, shape[1] // 2, *[1] * (len(shape) - 2))] = encode([[0, np.nan, np.inf][which]],
                                                                 dtype)[0]
    return x


def scanned(op, x, dtype, result, inclusive, reverse):
    """The scan of axis 1 in NumPy, and how far the sums may be off: each element adds to at most 16
    roundings."""
    function, first = SCANS[op]
    wide = storage(result)
    if dtype in EPSILON:
        wide = np.complex128 if dtype == "complex64" else np.float64
    a = decode(x, dtype).astype(wide)
    a = np.flip(a, 1) if reverse else a
    off = np.zeros(a.shape)
    with np.errstate(all="ignore"):
        if op == "CumLogaddexp" and dtype == "complex64":
            total = np.log(np.cumsum(np.exp(a), 1))
        else:
            kind = {"dtype": wide} if op in ("CumSum", "CumProd") else {}
            total = function.accumulate(a, axis=1, **kind)
        if op == "CumSum" and dtype in EPSILON:
            off = 16 * EPSILON[dtype] * np.cumsum(np.abs(a), 1)
        elif op == "CumLogaddexp":
            off = 16 * EPSILON[dtype] * np.maximum(np.abs(total), 1)
    if not inclusive:
        first = extreme(first, dtype) if isinstance(first, str) else first
        first = np.full_like(np.take(total, [0], 1), first)
        total = np.concatenate([first, np.delete(total, -1, 1)], 1)
        off = np.concatenate([off[:, :1], np.delete(off, -1, 1)], 1)
    return tuple(np.flip(each, 1) if reverse else each for each in (total, off))


EVERY = [(True, False), (False, False), (True, True), (False, True)]  # inclusive, reverse


@covers("scan.h", "binary_ops.h")
def scan(run):
    for dtype in METAL:
        reads = 2 if storage(dtype).itemsize == 8 else 4
        all_forms = dtype in ("float32", "int32")
        forms = {
            "contiguous": EVERY if all_forms else EVERY[:1],
            "strided": EVERY if all_forms else EVERY[3:]
        }
        ops = [op for op in SCANS if op != "CumLogaddexp" or dtype in EPSILON]
        results = {op: "int32" if (op, dtype) == ("CumSum", "bool") else dtype for op in ops}
        library = run.library({
            f"{form}{op}{inclusive}{reverse}": f"{form}_scan<{METAL[dtype]}, "
                                               f"{METAL[results[op]]}, {op}<{METAL[results[op]]}>, "
            f"{reads}, {str(inclusive).lower()}, {str(reverse).lower()}>"
            for form, each in forms.items()
            for inclusive, reverse in each
            for op in ops
        })
        for op in ops:
            result = results[op]

            def check(form, shape, which, sizes, **launch):
                x = scan_values(op, shape, dtype, which)
                for inclusive, reverse in forms[form]:
                    y = outputs(shape, result)
                    library.kernel(f"{form}{op}{inclusive}{reverse}")(x, y, *sizes, **launch)
                    wanted, off = scanned(op, x, dtype, result, inclusive, reverse)
                    run.check(f"{form}_scan<{op}>", dtype, shape, decode(y, result), wanted,
                              atol=off, oracle="NumPy")

            for at, shape in enumerate([(3, 7), (2, 128), (3, 501)]):
                check("contiguous", shape, at, (shape[1], ), threadgroups=(1, shape[0]),
                      threadgroup=-(-shape[1] // (32 * reads)) * 32)
            for at, shape in enumerate([(2, 9, 4), (1, 40, 34), (3, 64, 50)]):
                blocks = -(-shape[2] // 32)
                check("strided", shape, at, (shape[1], shape[2], blocks),
                      threadgroups=(1, shape[0] * blocks), threadgroup=32 // reads * 32)


@covers("searchsorted.h", "sort.h")
def searchsorted(run):
    for dtype in METAL:
        library = run.library({
            side: f"searchsorted<{METAL[dtype]}, {str(side == 'right').lower()}>"
            for side in ("left", "right")
        })
        for n, size in [(1, 5), (64, 32), (333, 101)]:
            a, v = anything(n, dtype), anything(size, dtype, seed=1)
            v[::3] = np.resize(a, len(v[::3]))
            order = np.argsort(decode(a, dtype), kind="stable")  # NaN last, as MLX sorts too
            a = a[order]
            for side in ("left", "right"):
                for step in (1, 2):
                    spread = np.repeat(a, step)
                    out = outputs(size, "uint32")
                    library.kernel(side)(spread, v, out, n, step, grid=size)
                    run.check(f"searchsorted<{side}>", dtype, [n, size, step], out,
                              np.searchsorted(decode(a, dtype), decode(v, dtype), side),
                              oracle="NumPy")
            run.rows["searchsorted<left>", dtype].special |= dtype in FLOATS


@covers("ternary.h", "ternary_ops.h")
def ternary(run):
    for dtype in METAL:
        t, work = METAL[dtype], WORK[dtype]
        scalars = {"v": "false, false", "vs": "false, true", "sv": "true, false"}
        library = run.library({
            **{f: f"ternary_v<{t}, Select, {s}, 1>"
               for f, s in scalars.items()},
            **{f + "n": f"ternary_v<{t}, Select, {s}>"
               for f, s in scalars.items() if work > 1},
            **{f + "2": f"ternary_v2<{t}, Select, {s}>"
               for f, s in scalars.items()}, "gn2": f"ternary_g<{t}, Select, 2, int>",
            "gn4": f"ternary_g<{t}, Select, 4>",
            **{f"g{d}": f"ternary_g_nd{d}<{t}, Select, int>"
               for d in (1, 2, 3)},
            **{f"g{d}large": f"ternary_g_nd{d}<{t}, Select>"
               for d in (1, 2, 3)}
        })
        for shape in CUBES:
            size = math.prod(shape)
            c, x, y = integers(size, "bool"), anything(size, dtype), anything(size, dtype, seed=1)
            for form in scalars:
                wanted = np.where(c, x[0] if form == "sv" else x, y[0] if form == "vs" else y)
                for suffix, extent in (("", size), ("n", -(-size // work)),
                                       ("2", (-(-shape[-1] // work), size // shape[-1]))):
                    if suffix == "n" and work == 1:
                        continue
                    z = outputs(size, dtype)
                    library.kernel(form + suffix)(c, x, y, z, size, grid=extent)
                    run.check(f"ternary_{form}{suffix}", dtype, shape, decode(z, dtype),
                              decode(wanted, dtype), oracle="NumPy")
            views = [
                permuted(c, shape),
                permuted(x, shape),
                (y.reshape(shape), np.array(y.reshape(shape).strides, np.int64) // y.itemsize)
            ]
            wanted = decode(np.where(views[0][0], views[1][0], views[2][0]), dtype)
            for each in (2, 4):
                z = outputs(shape, dtype)
                library.kernel(f"gn{each}")(c, x, y, z, np.array(shape,
                                                                 np.int32), *(s for _, s in views),
                                            len(shape), grid=(-(-shape[-1] // each), shape[-2],
                                                              math.prod(shape[:-2])))
                run.check(f"ternary_g<{each}>", dtype, shape, decode(z, dtype), wanted,
                          oracle="NumPy")
            for dims in (1, 2, 3):
                for large in ("", "large"):
                    z = outputs(shape[-dims:], dtype)
                    strides = [int(s[-1]) if dims == 1 else s[-dims:].copy() for _, s in views]
                    library.kernel(f"g{dims}{large}")(c, x, y, z, *strides,
                                                      grid=tuple(reversed(shape[-dims:])))
                    run.check(f"ternary_g_nd{dims}", dtype, shape, decode(z, dtype),
                              wanted[(0, ) * (len(shape) - dims)], oracle="NumPy")
