"""Gathering and scattering by arrays of indices, with the kernels that MLX writes around
indexing/gather.h and scatter.h."""

import numpy as np

from framework import METAL, covers, decode, encode
from values import anything, outputs

GATHER = """
[[kernel]] void gather(const device TYPE* src [[buffer(0)]], device TYPE* out [[buffer(1)]], const
    constant int* shape [[buffer(2)]],
    const constant int64_t* strides [[buffer(3)]], const constant size_t& ndim [[buffer(4)]], const
    constant int* sizes [[buffer(5)]],
    const constant int* axes [[buffer(6)]], const constant int* index_shapes [[buffer(7)]], const
    constant int64_t* index_strides [[buffer(8)]],
    const constant bool* contiguous [[buffer(9)]], const constant int& index_ndim [[buffer(10)]],
    const device int* first [[buffer(20)]],
    uint3 index [[thread_position_in_grid]], uint3 grid [[threads_per_grid]]) {
  Indices<int, 1> indices{{{first}}, index_shapes, index_strides, contiguous, index_ndim};
  gather_impl<TYPE, int, 1, 1, int>(src, out, shape, strides, ndim, sizes, axes, indices, index,
      grid);
}
"""
SCATTER = """
[[kernel]] void scatter(const device TYPE* updates [[buffer(1)]], device mlx_atomic<TYPE>* out
    [[buffer(2)]],
    const constant int* shape [[buffer(3)]], const constant int64_t* strides [[buffer(4)]], const
    constant size_t& ndim [[buffer(5)]],
    const constant size_t& size [[buffer(6)]], const constant int* out_shape [[buffer(7)]], const
    constant int64_t* out_strides [[buffer(8)]],
    const constant size_t& out_ndim [[buffer(9)]], const constant int* axes [[buffer(10)]], const
    constant int* index_shapes [[buffer(11)]],
    const constant int64_t* index_strides [[buffer(12)]], const constant bool* contiguous
    [[buffer(13)]],
    const constant int& index_ndim [[buffer(14)]], const constant size_t& count [[buffer(15)]],
    const device int* first [[buffer(20)]],
    uint2 gid [[thread_position_in_grid]]) {
  Indices<int, 1> indices{{{first}}, index_shapes, index_strides, contiguous, index_ndim};
  scatter_impl<TYPE, int, OPERATION, 1, true, 1, int>(updates, out, shape, strides, ndim, size,
      out_shape, out_strides, out_ndim, axes, count,
      indices, gid);
}
"""
SHAPES = [(4, 8, 3), (9, 7, 11), (33, 5, 64)]  # rows, columns, indices


@covers("indexing/gather.h")
def gather(run):
    for dtype in METAL:
        kernel = run.library({}, text=GATHER.replace("TYPE", METAL[dtype])).kernel("gather")
        for rows, columns, count in SHAPES:
            x = anything(rows * columns, dtype).reshape(rows, columns)
            at = np.random.default_rng(rows).integers(-columns, columns, count).astype(np.int32)
            y = outputs((count, rows), dtype)  # a column for each index
            kernel(x, y, np.array([rows, columns], np.int32), np.array([columns, 1], np.int64), 2,
                   np.array([rows, 1], np.int32), np.array([1], np.int32),
                   np.array([count], np.int32), np.array([1], np.int64), np.array([True]), 1, at,
                   grid=(count, 1, rows))
            run.check("gather", dtype, [rows, columns, count], decode(y, dtype),
                      decode(x.T[at], dtype), oracle="NumPy")


@covers("indexing/scatter.h", "reduce_utils.h")
def scatter(run):
    for dtype in [each for each in METAL if each not in ("int64", "uint64")]:  # MLX refuses these
        for op, function in {"None": None, "Sum": np.add, "Max": np.maximum,
                             "Min": np.minimum}.items():
            # Of complex numbers MLX has sums only.
            if op not in {"bool": ["None"], "complex64": ["Sum"]}.get(dtype, [op]):
                continue
            text = SCATTER.replace("TYPE", METAL[dtype]).replace(
                "OPERATION", op if op == "None" else f"{op}<{METAL[dtype]}>")
            kernel = run.library({}, text=text).kernel("scatter")
            for rows, columns, count in SHAPES:
                random = np.random.default_rng(rows)
                start, update = (encode(random.integers(0, 7, size), dtype)
                                 for size in ((rows, columns), (count, columns)))
                at = random.integers(-rows, rows, count).astype(np.int32)
                if op == "None":  # each row once: the order of two writes is open
                    at = random.permutation(rows)[:count].astype(np.int32)
                update = np.ascontiguousarray(update[:len(at)])
                wanted = decode(start, dtype).copy()
                if function:
                    function.at(wanted, at, decode(update, dtype))
                else:
                    wanted[at] = decode(update, dtype)
                y = np.concatenate([start.ravel(), np.zeros(4, start.dtype)])
                y = y[:len(y) // 4 * 4].copy()
                kernel(update, y, np.array([len(at), 1, columns], np.int32),
                       np.array([columns, columns, 1], np.int64), 3, columns,
                       np.array([rows, columns], np.int32), np.array([columns, 1], np.int64), 2,
                       np.array([0], np.int32), np.array([len(at)], np.int32),
                       np.array([1], np.int64), np.array([True]), 1, len(at), at,
                       grid=(columns, len(at)))
                run.check(f"scatter<{op}>", dtype, [rows, columns, count],
                          decode(y[:start.size], dtype).reshape(wanted.shape), wanted,
                          oracle="NumPy")
