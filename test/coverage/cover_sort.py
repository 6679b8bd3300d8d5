"""Sorting, of values and of indices: in one threadgroup, and by merging what many have sorted."""

import math

import numpy as np

from framework import FLOATS, INTEGERS, METAL, covers, decode, storage
from values import anything, outputs

TYPES = [*INTEGERS, *FLOATS, "complex64"]
BLOCK, EACH = 32, 4  # threads, and elements of a thread; MLX has up to 512 threads


def sorted_both(x, dtype, axis):
    """Values and places, NaN last; equal ones stay in order."""
    values = decode(x, dtype)
    places = np.argsort(values, axis=axis, kind="stable")
    return np.take_along_axis(values, places, axis), places.astype(np.uint32)


def data(size, dtype):
    x = anything(size, dtype)
    if dtype == "complex64":
        x[2::19] = complex(np.nan, 1)
        x[3::7] = x[1]
    return x


def check(run, name, dtype, shape, actual, wanted, places):
    kind = "uint32" if places else dtype
    run.check(name, dtype, shape, decode(actual, kind), wanted[places], oracle="NumPy")
    run.rows[name, dtype].special |= dtype not in INTEGERS


@covers("sort.h")
def block_sort(run):
    for dtype in TYPES:
        t = METAL[dtype]
        library = run.library({
            f"{form}{int(places)}": f"block_sort{form}<{t}, "
            f"{'uint32_t' if places else t}, {str(places).lower()}, {BLOCK}, {EACH}>"
            for form in ("", "_nc")
            for places in (False, True)
        })
        for shape in [(2, 5), (1, 128), (3, 101)]:
            x = data(math.prod(shape), dtype).reshape(shape)
            wanted = sorted_both(x, dtype, 1)
            for places in (False, True):
                y = outputs(shape, "uint32" if places else dtype)
                library.kernel(str(int(places)))(x, y, shape[1], 1, 1, shape[1], shape[1],
                                                 threadgroups=(1, shape[0]), threadgroup=BLOCK)
                check(run, f"block_sort<{'indices' if places else 'values'}>", dtype, shape, y,
                      wanted, places)
        for shape in [(2, 5, 3), (1, 128, 2), (2, 67, 2)]:  # along the middle axis
            x = data(math.prod(shape), dtype).reshape(shape)
            wanted = sorted_both(x, dtype, 1)
            for places in (False, True):
                y = outputs(shape, "uint32" if places else dtype)
                strides = np.array([shape[1] * shape[2], 1], np.int64)
                library.kernel(f"_nc{int(places)}")(x, y, shape[1], shape[2], shape[2], 2,
                                                    np.array(shape[::2], np.int32), strides,
                                                    strides, threadgroups=(1, shape[0] * shape[2]),
                                                    threadgroup=BLOCK)
                check(run, f"block_sort_nc<{'indices' if places else 'values'}>", dtype, shape, y,
                      wanted, places)


def merged(library, x, blocks):
    """Values and places as MLX's host code has them sorted: blocks, and then pairs of twice as
    many."""
    rows, n = x.shape
    values, places = ([np.zeros(x.shape, kind) for _ in range(2)] for kind in (x.dtype, np.uint32))
    library.kernel("sort")(x, values[0], places[0], n, 1, 1, np.array([rows], np.int32),
                           np.array([n], np.int64), threadgroups=(blocks, rows), threadgroup=BLOCK)
    tiles, now = 2, 0
    while tiles // 2 < blocks:
        parts = np.zeros((rows, blocks + 1), np.uint32)
        library.kernel("partition")(parts, values[now], places[now], n, tiles, blocks,
                                    threadgroups=(1, rows), threadgroup=blocks + 1)
        library.kernel("merge")(parts, values[now], places[now], values[1 - now], places[1 - now],
                                n, tiles, blocks, threadgroups=(blocks, rows), threadgroup=BLOCK)
        tiles, now = 2 * tiles, 1 - now
    return values[now], places[now], parts


@covers("sort.h")
def block_merge(run):
    for dtype in TYPES:
        args = f"<{METAL[dtype]}, uint32_t, true, {BLOCK}, {EACH}>"
        library = run.library({
            "sort": f"mb_block_sort{args}", "partition": f"mb_block_partition{args}",
            "merge": f"mb_block_merge{args}"
        })
        for shape in [(1, 256), (2, 131), (1, 515)]:
            x = data(math.prod(shape), dtype).reshape(shape).astype(storage(dtype))
            values, places, parts = merged(library, x, -(-shape[1] // (BLOCK * EACH)))
            wanted = sorted_both(x, dtype, 1)
            # The three give one result; what the first two leave shows in it.
            for name in ("mb_block_sort", "mb_block_partition", "mb_block_merge"):
                check(run, name, dtype, shape, values, wanted, False)
            check(run, "mb_block_merge", dtype, shape, places, wanted, True)
            assert (parts[:, 0] == 0).all()
