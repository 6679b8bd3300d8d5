"""Matrix times vector."""

import numpy as np

from anymetal import Buffer
from framework import METAL, covers, decode, storage
from matrices import bound, operand, product

TYPES = ["float32", "float16", "bfloat16", "complex64"]


def blocks(out_size, in_size, transposed):
    """(BM, BN, SM, SN, TM, TN) and results of a threadgroup, as MLX's host code chooses them."""
    if transposed:
        bn = 16 if out_size >= 2048 else 4 if out_size >= 512 else 2
        tn = 1 if out_size < 4 else 4
        return (1, bn, 8, 4, 4, tn), bn * 4 * tn
    bm, bn, sm, sn = (8 if out_size >= 4096 else 4), 1, 1, 32
    if in_size <= 64:
        bm, sm, sn = 1, 8, 4
    elif in_size >= 16 * out_size:
        bm, bn = 1, 8
    tm = 1 if out_size < 4 else 4
    return (bm, bn, sm, sn, tm, 4), bm * sm * tm


def strides(*values):
    return np.array(values, np.int64)


def matrix(rng, transposed, batch, rows, columns, dtype):
    """A matrix of which the kernel reads the transpose or not, with NaN and infinity in two rows of
    the product."""
    bytes, values = operand(rng, (batch, rows, columns), dtype,
                            {(0, 0, 0): np.nan, (0, rows // 2, columns - 1): np.inf})
    return (np.ascontiguousarray(bytes.swapaxes(1, 2)) if transposed else bytes), values


@covers("gemv.h", "steel/utils.h")
def gemv(run):
    rng = np.random.default_rng(1)
    for transposed in (False, True):
        shapes = [(37, 50), (64, 256), (3, 65),
                  (5, 333)] + ([(515, 9), (2050, 7)] if transposed else [(4098, 66)])
        for dtype in TYPES:
            name = "gemv_t" if transposed else "gemv"
            uses = [(shape, *((0, 0), (1, 1), (0, 1), (1, 0))[(at + add) % 4])
                    for at, shape in enumerate(shapes)
                    for add in ([0] if np.prod(shape) > 20000 else [0, 2])]
            wanted = {
                at: f"{name}<{METAL[dtype]}, "
                    f"{', '.join(map(str, blocks(*shape, transposed)[0]))}, {nc}, {axpby}>"
                for at, (shape, nc, axpby) in enumerate(uses)
            }
            names = {text: f"k{at}" for at, text in wanted.items()}
            library = run.library({name: text for text, name in names.items()})
            for at, ((rows, columns), nc, axpby) in enumerate(uses):
                batch = 1 if rows * columns > 20000 else 4 if nc else 2
                (bm, bn, *_), results = blocks(rows, columns, transposed)
                a, a_values = matrix(rng, transposed, batch, rows, columns, dtype)
                x, x_values = operand(rng, (batch, columns), dtype)
                bias, bias_values = operand(rng, (rows, 2), dtype)
                y = np.zeros((batch, rows), storage(dtype))
                # With two batch dimensions the vector is broadcast along the first of them.
                batch_shape = [2, batch // 2] if nc else [batch]
                if nc:
                    x_values = x_values[[0, 1, 0, 1]]
                library.kernel(names[wanted[at]])(buffers={
                    0: Buffer(a), 1: Buffer(x), 2: Buffer(bias), 3: Buffer(y), 4: columns, 5: rows,
                    6: rows if transposed else columns, 7: 0.5, 8: -2.0, 9: len(batch_shape),
                    10: np.array(batch_shape,
                                 np.int32), 11: strides(0, columns) if nc else strides(columns),
                    12: strides(2 * rows * columns, rows *
                                columns) if nc else strides(rows * columns), 13: strides(0,
                                                                                         0), 14: 2
                }, threadgroups=(-(-rows // results), 1, batch), threadgroup=(32, bn, bm))
                expected, magnitude = (each[..., 0]
                                       for each in product(a_values, x_values[:, :, None]))
                allowed = bound(expected, magnitude, columns, dtype)
                if axpby:
                    # Here the sum, its half and the bias's double are each rounded to the type
                    # before they are added.
                    added = 2 * np.abs(bias_values[:, 0])
                    allowed = allowed + bound(
                        np.nan_to_num(np.abs(expected), posinf=0) + added, 0, 0, dtype, stores=3)
                    with np.errstate(invalid="ignore"):
                        expected = 0.5 * expected - 2 * bias_values[:, 0]
                if dtype != "complex64":
                    run.check(name, dtype, [batch, rows, columns], decode(y, dtype), expected,
                              atol=allowed, oracle="NumPy in double")
                else:  # an infinite part makes the others depend on the order
                    fine = np.isfinite(expected)
                    assert (np.isfinite(y) == fine).all()
                    run.check(name, dtype, [batch, rows, columns], np.where(fine, y, 0),
                              np.where(fine, expected, 0), atol=allowed, oracle="NumPy in double")


def gathered(a_values, x_values, matrices, vectors):
    expected, magnitude = product(a_values[matrices], x_values[vectors][:, :, None])
    return expected[..., 0], magnitude[..., 0]


def ints(*values):
    return np.array(values, np.int32)


@covers("gemv.h", "steel/utils.h")
def gemv_gather(run):
    rng = np.random.default_rng(2)
    vectors, matrices = np.array([2, 0, 1, 1], np.uint32), np.array([1, 1, 0, 2], np.uint32)
    for transposed in (False, True):
        name = "gemv_t_gather" if transposed else "gemv_gather"
        for dtype in TYPES:
            # Of the shapes of threadgroups MLX has only these here.
            choices = [(1, 2, 8, 4, 4, 1), (1, 2, 8, 4, 4, 4),
                       (1, 4, 8, 4, 4, 4)] if transposed else [(4, 1, 1, 32, 1, 4),
                                                               (4, 1, 1, 32, 4, 4)]
            library = run.library({
                f"k{at}": f"{name}<{METAL[dtype]}, {', '.join(map(str, each))}>"
                for at, each in enumerate(choices)
            })
            for rows, columns, at in [(3, 70, 0), (37, 65, 1),
                                      (64, 128, 1)] + ([(515, 9, 2)] if transposed else []):
                bm, bn, sm, sn, tm, tn = choices[at]
                a, a_values = matrix(rng, transposed, 3, rows, columns, dtype)
                x, x_values = operand(rng, (3, columns), dtype)
                y = np.zeros((4, rows), storage(dtype))
                nc = at == 1  # two dimensions of indices, and of matrices
                library.kernel(f"k{at}")(buffers={
                    0: Buffer(a), 1: Buffer(x), 2: Buffer(x), 3: Buffer(y), 4: columns, 5: rows,
                    6: rows if transposed else columns, 7: 0.0, 8: 0.0, 9: 2 if nc else 1,
                    10: ints(2, 2) if nc else ints(4),
                    11: strides(2, 1, 2, 1) if nc else strides(1, 1), 12: 2 if nc else 1,
                    13: ints(3, 1) if nc else ints(3),
                    14: strides(columns, 7) if nc else strides(columns), 15: 2 if nc else 1,
                    16: ints(1, 3) if nc else ints(3),
                    17: strides(7, rows * columns) if nc else strides(rows * columns), 18: vectors,
                    19: matrices
                }, threadgroups=(-(-rows // (bn * sn * tn if transposed else bm * sm * tm)), 1, 4),
                                         threadgroup=(32, bn, bm))
                expected, magnitude = gathered(a_values, x_values, matrices, vectors)
                fine = np.isfinite(expected) | (dtype != "complex64")
                run.check(name, dtype, [4, rows, columns], np.where(fine, decode(y, dtype), 0),
                          np.where(fine, expected, 0), atol=bound(expected, magnitude, columns,
                                                                  dtype), oracle="NumPy in double")


@covers("gemv.h", "steel/utils.h")
def gemv_wide(run):
    rng = np.random.default_rng(3)
    vectors, matrices = np.array([1, 0, 1], np.uint32), np.array([0, 1, 1], np.uint32)
    for dtype in ("float16", "bfloat16"):
        tiles = [(count, lanes) for count in (2, 3, 4, 5) for lanes in (16, 32)]
        library = run.library({
            f"{kind}{count}_{lanes}": f"gemv_wide{kind}<{METAL[dtype]}, {count}, {lanes}>"
            for kind in ("", "_gather")
            for count, lanes in tiles
        })
        shapes = [(2, 37, 132), (5, 64, 512), (7, 9, 1100), (3, 33, 256)]
        for at, (count, lanes) in enumerate(tiles):
            m, rows, columns = shapes[at // 2]
            a, a_values = matrix(rng, False, 2, rows, columns, dtype)
            x, x_values = operand(rng, (2, m, columns), dtype)
            bias, bias_values = operand(rng, (m, rows), dtype)
            launch = {
                "threadgroups": (1 + at % 2, -(-rows // 4), 2), "threadgroup": (32, lanes // 8, 1)
            }
            sizes = {4: columns, 5: rows, 6: m, 7: columns, 8: columns}
            expected, magnitude = product(x_values, a_values.swapaxes(1, 2))
            for axpby in (False, True):
                y = np.zeros((2, m, rows), storage(dtype))
                given = {
                    0: Buffer(a), 1: Buffer(x), 3: Buffer(y), **sizes, 11: 2 if axpby else 1,
                    12: ints(1, 2) if axpby else ints(2),
                    13: strides(5, m * columns) if axpby else strides(m * columns),
                    14: strides(5, rows * columns) if axpby else strides(rows * columns)
                }
                # Without the function constant these exist no more; a call gives them all the same.
                given.update(
                    {2: Buffer(bias), 9: 0.5, 10: -2.0, 15: strides(0, 0), 16: rows, 17: 1})
                library.kernel(f"{count}_{lanes}", {0: axpby, 1: axpby})(buffers=given, **launch)
                wanted = 0.5 * expected - 2 * bias_values if axpby else expected
                run.check(f"gemv_wide<{lanes}>", dtype, [2, m, rows, columns], decode(y, dtype),
                          wanted, atol=bound(wanted, magnitude + 2 * np.abs(bias_values), columns,
                                             dtype), oracle="NumPy in double")
            y = np.zeros((3, m, rows), storage(dtype))
            library.kernel(f"_gather{count}_{lanes}", {0: False, 1: False})(buffers={
                0: Buffer(a), 1: Buffer(x), 2: Buffer(x), 3: Buffer(y), **sizes, 11: 1, 12: ints(3),
                13: strides(1, 1), 14: 1, 15: ints(2), 16: strides(m * columns), 17: 1, 18: ints(2),
                19: strides(rows * columns), 20: vectors, 21: matrices
            }, threadgroups=(1, -(-rows // 4), 3), threadgroup=(32, lanes // 8, 1))
            expected, magnitude = product(x_values[vectors], a_values[matrices].swapaxes(1, 2))
            run.check(f"gemv_wide_gather<{lanes}>", dtype, [3, m, rows, columns], decode(y, dtype),
                      expected, atol=bound(expected, magnitude, columns,
                                           dtype), oracle="NumPy in double")
