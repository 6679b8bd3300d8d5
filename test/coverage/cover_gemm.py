"""Matrix times matrix: MLX's "steel" kernels."""

import numpy as np

from anymetal import Buffer
from framework import METAL, covers, decode, encode, storage
from matrices import bound, operand, product

INCLUDES = ["steel/gemm/gemm.h"]
REAL = ["float32", "float16", "bfloat16"]
TRANSPOSITIONS = [(False, False), (False, True), (True, False), (True, True)]


def strides(*values):
    return np.array(values, np.int64)


def ints(*values):
    return np.array(values, np.int32)


def turned(bytes, transpose):
    return np.ascontiguousarray(bytes.swapaxes(-1, -2)) if transpose else bytes


def gemm_params(m, n, k, ta, tb, block, batch_strides=(0, 0, 0), batch_ndim=1):
    bm, bn, bk = block[:3]
    return {
        "M": m, "N": n, "K": k, "lda": m if ta else k, "ldb": k if tb else n, "ldd": n,
        "tiles_n": -(-n // bn), "tiles_m": -(-m // bm), "batch_stride_a": batch_strides[0],
        "batch_stride_b": batch_strides[1], "batch_stride_d": batch_strides[2], "swizzle_log": 0,
        "gemm_k_iterations_aligned": k // bk, "batch_ndim": batch_ndim
    }


def launch(m, n, depth, block):
    bm, bn, bk, wm, wn = block
    return {"threadgroups": (-(-n // bn), -(-m // bm), depth), "threadgroup": (32, wn, wm)}


def arguments(dtype, block, ta, tb):
    return f"{METAL[dtype]}, {', '.join(map(str, block))}, {str(ta).lower()}, {str(tb).lower()}"


def operands(rng, batch, m, n, k, dtype, specials=True):
    special = {(0, m // 2, 0): np.nan, (0, m - 1, k - 1): np.inf} if specials else {}
    return *operand(rng, (batch, m, k), dtype, special), *operand(rng, (batch, k, n), dtype)


def compare(run, name, dtype, shape, actual, expected, magnitude, k):
    fine = np.isfinite(expected) | (dtype != "complex64"
                                    )  # an infinite part makes the others depend on the order
    run.check(name, dtype, shape, np.where(fine, decode(actual, dtype), 0),
              np.where(fine, expected, 0), atol=bound(expected, magnitude, k, dtype),
              oracle="NumPy in double")


@covers("steel/gemm/kernels/steel_gemm_fused.h", *INCLUDES)
def fused(run):
    rng = np.random.default_rng(1)
    blocks = [(64, 64, 16, 2, 2), (64, 64, 16, 1, 2), (64, 32, 32, 2, 2), (32, 64, 16, 1, 2),
              (32, 32, 16, 2, 2), (64, 32, 8, 4, 1)]
    shapes = [(37, 33, 19), (64, 64, 32), (5, 70, 48)]
    uses = [(block, *TRANSPOSITIONS[(at + more) % 4], shapes[(at + more) % 3])
            for at, block in enumerate(blocks) for more in (0, 1)]
    for dtype in REAL + ["complex64"]:
        library = run.library({
            f"k{at}": f"gemm<{arguments(dtype, block, ta, tb)}>"
            for at, (block, ta, tb, _) in enumerate(uses)
        })
        for at, (block, ta, tb, (m, n, k)) in enumerate(uses):
            # addmm of complex numbers adds in another kernel; this one would add in float.
            source, has_batch = at % 3 == 1 and dtype != "complex64", at % 4 == 2
            batch = 2
            a, a_values, b, b_values = operands(rng, batch, m, n, k, dtype)
            # MLX's apply_epilogue_safe looks at columns only and reads rows of C beyond M (its
            # results are dropped): there must be some.
            c, c_values = operand(rng, (-(-m // block[0]) * block[0], n), dtype)
            c_values = c_values[:m]
            d = np.zeros((batch, m, n), storage(dtype))
            constants = {
                10: has_batch, 100: source, 110: source, 200: m % block[0] == 0,
                201: n % block[1] == 0, 202: k % block[2] == 0
            }
            given = {
                0: Buffer(turned(a, ta)), 1: Buffer(turned(b, tb)), 3: Buffer(d),
                4: gemm_params(m, n, k, ta, tb, block, (m * k, k * n, m * n), 2 if has_batch else 1)
            }
            # Without the function constants these exist no more; a call gives them all the same.
            given.update({
                2: Buffer(c),
                5: {"ldc": n, "fdc": 1, "batch_stride_c": 0, "alpha": 0.5,
                    "beta": -2.0}, 6: ints(1, 2), 7: strides(3, 0, 3, k * n, 0, 0)
            })
            if has_batch:  # a is broadcast along the second dimension
                a_values = a_values[[0, 0]]
            library.kernel(f"k{at}", constants)(buffers=given, **launch(m, n, batch, block))
            expected, magnitude = product(a_values, b_values)
            if source:
                with np.errstate(invalid="ignore"):
                    expected, magnitude = 0.5 * expected - 2 * c_values, magnitude + 2 * np.abs(
                        c_values)
            compare(run, "gemm", dtype, [batch, m, n, k], d, expected, magnitude, k)


@covers("steel/gemm/kernels/steel_gemm_splitk.h", *INCLUDES)
def splitk(run):
    rng = np.random.default_rng(2)
    blocks = [(16, 16, 16, 2, 2), (16, 32, 16, 2, 2), (32, 16, 16, 2, 2), (32, 32, 16, 2, 2)]
    shapes = [(17, 19, 70), (32, 32, 64), (9, 33, 96), (16, 64, 130)]
    uses = [(blocks[at % 4], *TRANSPOSITIONS[(at + at // 4) % 4], shapes[(at * 3 + at // 4) % 4])
            for at in range(8)]
    for dtype in REAL + ["complex64"]:
        partial = "complex64" if dtype == "complex64" else "float32"
        instances = {
            "sum": f"gemm_splitk_accum<{METAL[partial]}, {METAL[dtype]}>",
            "add": f"gemm_splitk_accum_axpby<{METAL[partial]}, {METAL[dtype]}>"
        }
        for at, (block, ta, tb, (m, n, k)) in enumerate(uses):
            aligned = [
                str(each).lower()
                for each in (m % block[0] == 0 and n % block[1] == 0, k % block[2] == 0)
            ]
            rest = ", ".join([arguments(dtype, block, ta, tb).split(", ", 1)[1], *aligned])
            instances[f"k{at}"] = f"gemm_splitk<{METAL[dtype]}, {METAL[partial]}, {rest}>"
        library = run.library(instances)
        for at, (block, ta, tb, (m, n, k)) in enumerate(uses):
            a, a_values, b, b_values = operands(rng, 1, m, n, k, dtype)
            c, c_values = operand(rng, (n, ), dtype)
            parts, iterations = 2, k // block[2] // 2
            size = iterations * block[2]
            sums = np.zeros((parts, m, n), storage(partial))
            params = {
                "M": m, "N": n, "K": k, "lda": m if ta else k, "ldb": k if tb else n, "ldc": n,
                "tiles_n": -(-n // block[1]), "tiles_m": -(-m // block[0]),
                "split_k_partitions": parts, "split_k_partition_stride": m * n,
                "split_k_partition_size": size, "swizzle_log": 0,
                "gemm_k_iterations_aligned": iterations
            }
            library.kernel(f"k{at}")(Buffer(turned(a, ta)), Buffer(turned(b, tb)), Buffer(sums),
                                     params, **launch(m, n, parts, block))
            for part, (start, end) in enumerate([(0, size), (size, k)]):
                expected, magnitude = product(a_values[0][:, start:end], b_values[0][start:end])
                compare(run, f"gemm_splitk<{METAL[dtype]}>", partial, [m, n, k, part], sums[part],
                        expected, magnitude, k)
            expected, magnitude = product(a_values[0], b_values[0])
            d = np.zeros((m, n), storage(dtype))
            library.kernel("sum")(Buffer(sums), Buffer(d), parts, m * n, n, grid=(n, m))
            compare(run, "gemm_splitk_accum", dtype, [m, n, k], d, expected, magnitude, k)
            library.kernel("add")(Buffer(sums), Buffer(d), parts, m * n, n, Buffer(c), 0, 1, 0.5,
                                  -2.0, grid=(n, m))
            with np.errstate(invalid="ignore"):
                compare(run, "gemm_splitk_accum_axpby", dtype, [m, n, k], d,
                        0.5 * expected - 2 * c_values, magnitude + 2 * np.abs(c_values), k)


@covers("steel/gemm/kernels/steel_gemm_segmented.h", *INCLUDES)
def segmented(run):
    rng = np.random.default_rng(3)
    uses = [((64, 64, 16, 2, 2), False, False, (37, 33)),
            ((64, 64, 16, 1, 2), False, True, (64, 64)), ((64, 32, 32, 2, 2), True, False, (5, 70)),
            ((32, 64, 16, 1, 2), True, True, (33, 64)), ((32, 32, 16, 2, 2), False, True, (37, 33))]
    k = 70
    for dtype in REAL:
        library = run.library({
            f"k{at}": f"segmented_mm<{arguments(dtype, block, ta, tb)}>"
            for at, (block, ta, tb, _) in enumerate(uses)
        })
        for at, (block, ta, tb, (m, n)) in enumerate(uses):
            a, a_values, b, b_values = operands(rng, 1, m, n, k, dtype)
            contiguous = at % 2 == 0
            ranges = [(0, 17), (5, 53), (70, 70)] if contiguous else [(0, 16), (16, 55), (55, 70)]
            segments = np.array(ranges if contiguous else [0, 16, 55, 70], np.uint32).ravel()
            d = np.ones((3, m, n), storage(dtype))
            library.kernel(f"k{at}",
                           {199: contiguous, 200: m % block[0] == 0, 201: n % block[1] == 0})(
                               Buffer(turned(a, ta)), Buffer(turned(b, tb)), segments, Buffer(d),
                               gemm_params(m, n, k, ta, tb, block, (0, 0, m * n),
                                           0), **launch(m, n, 3, block))
            for part, (start, end) in enumerate(ranges):
                expected, magnitude = product(a_values[0][:, start:end], b_values[0][start:end])
                compare(run, "segmented_mm", dtype, [m, n, end - start], d[part], expected,
                        magnitude, k)


@covers("steel/gemm/kernels/steel_gemm_gather.h", *INCLUDES)
def gather(run):
    rng = np.random.default_rng(4)
    uses = [((64, 64, 16, 2, 2), False, False, (37, 33, 19)),
            ((64, 64, 16, 1, 2), False, True, (64, 64, 32)),
            ((64, 32, 32, 2, 2), True, False, (5, 70, 48)),
            ((32, 64, 16, 1, 2), True, True, (33, 64, 17)),
            ((32, 32, 16, 2, 2), False, True, (37, 33, 19))]
    left, right = np.array([2, 0, 1, 1], np.uint32), np.array([1, 1, 0, 2], np.uint32)
    for dtype in REAL:
        library = run.library({
            f"k{at}": f"gather_mm<{arguments(dtype, block, ta, tb)}>"
            for at, (block, ta, tb, _) in enumerate(uses)
        })
        for at, (block, ta, tb, (m, n, k)) in enumerate(uses):
            a, a_values, b, b_values = operands(rng, 3, m, n, k, dtype)
            has_batch = at % 2 == 1
            d = np.zeros((4, m, n), storage(dtype))
            library.kernel(f"k{at}", {
                10: has_batch, 200: m % block[0] == 0, 201: n % block[1] == 0, 202: k % block[2]
                == 0
            })(Buffer(turned(a, ta)), Buffer(turned(b, tb)), left, right, Buffer(d),
               gemm_params(m, n, k, ta, tb, block, (1, 1, m * n), 2 if has_batch else 1),
               ints(2, 2) if has_batch else ints(4), strides(2, 1) if has_batch else strides(1),
               strides(2, 1) if has_batch else strides(1), 1, ints(3), strides(m * k), 2,
               ints(3, 1), strides(k * n, 5), **launch(m, n, 4, block))
            expected, magnitude = product(a_values[left], b_values[right])
            compare(run, "gather_mm", dtype, [4, m, n, k], d, expected, magnitude, k)


@covers("steel/gemm/kernels/steel_gemm_gather.h", *INCLUDES)
def gather_rhs(run):
    rng = np.random.default_rng(5)
    block = (16, 64, 16, 1, 2)
    for dtype in REAL:
        library = run.library({
            f"k{int(tb)}": f"gather_mm_rhs<{arguments(dtype, block, False, tb)}>"
            for tb in (False, True)
        })
        for at, (m, n, k, ends) in enumerate([(37, 33, 19, [3, 3, 20, 37]),
                                              (64, 64, 32, [16, 48, 64]), (41, 70, 48, [41]),
                                              (32, 128, 33, [0, 5, 32])]):
            tb = at % 2 == 1
            groups = len(ends)
            a, a_values = operand(rng, (m, k), dtype, {(m // 2, 0): np.nan, (m - 1, k - 1): np.inf})
            b, b_values = operand(rng, (groups, k, n), dtype)
            d = np.zeros((m, n), storage(dtype))
            params = gemm_params(m, n, k, False, tb, block, (0, k * n, 0), 0)
            library.kernel(f"k{int(tb)}",
                           {10: False, 200: m % 16 == 0, 201: n % 64 == 0, 202: k % 16 == 0})(
                               Buffer(a), Buffer(turned(b, tb)), ints(0, *ends)[:groups + 1],
                               Buffer(d), params, groups,
                               threadgroups=(params["tiles_n"], params["tiles_m"] + groups, 1),
                               threadgroup=(32, 2, 1))
            group = np.searchsorted(ends, np.arange(m), side="right")
            expected, magnitude = product(a_values[:, None, :], b_values[group])
            compare(run, "gather_mm_rhs", dtype, [m, n, k, groups], d, expected[:, 0],
                    magnitude[:, 0], k)


MASKS = [("bool", "bool"), ("T", "T"), ("bool", "T"), ("T", "bool"), (None, "T"), (None, "bool"),
         ("bool", None), ("T", None)]


def mask(rng, kind, shape, dtype):
    """A mask of blocks and what it multiplies by: powers of two and zero, so that masking rounds
    nothing. (0, 0) is one."""
    values = rng.choice([0.0, 1.0] if kind == "bool" else [0.0, 0.5, 2.0], size=shape)
    values[0, 0] = 1
    if kind == "bool":
        return values.astype(bool), values
    return encode(values.astype(np.float32), dtype), values


def spread(values, block, rows, columns):
    return np.repeat(np.repeat(values, block, 0), block, 1)[:rows, :columns]


@covers("steel/gemm/kernels/steel_gemm_masked.h", *INCLUDES)
def masked(run):
    rng = np.random.default_rng(6)
    shapes = {32: [(37, 70, 41), (64, 32, 64), (33, 64, 50)], 64: [(70, 67, 65)]}
    uses = [((size, size, 16, 2, 2), *TRANSPOSITIONS[(at + at // 4) % 4],
             shapes[size][at % len(shapes[size])], masks) for at, masks in enumerate(MASKS)
            for size in ((32, 64) if at == 1 else (32, ))]
    for dtype in REAL:
        kinds = {"bool": "bool", "T": METAL[dtype], None: "nomask_t"}
        instances = {}
        for at, (block, ta, tb, (m, n, k), (out, op)) in enumerate(uses):
            aligned = [
                str(each).lower()
                for each in (m % block[0] == 0 and n % block[1] == 0, k % block[2] == 0)
            ]
            instances[f"k{at}"] = (
                f"block_masked_gemm<{METAL[dtype]}, {kinds[out]}, {kinds[op]}, "
                f"{arguments(dtype, block, ta, tb).split(', ', 1)[1]}, {', '.join(aligned)}>")
        library = run.library(instances)
        for at, (block, ta, tb, (m, n, k), (out, op)) in enumerate(uses):
            size = block[0]
            a, a_values = operand(rng, (m, k), dtype, {(1, 0): np.nan, (3, 2): np.inf})
            b, b_values = operand(rng, (k, n), dtype)
            tiles = [-(-each // size) for each in (m, n, k)]
            out_mask, out_values = mask(rng, out, (tiles[0], tiles[1]), dtype)
            left, left_values = mask(rng, op, (tiles[0], tiles[2]), dtype)
            right, right_values = mask(rng, op, (tiles[2], tiles[1]), dtype)
            mask_strides = ([1, tiles[1]] if out else []) + ([1, tiles[2], 1, tiles[1]]
                                                             if op else []) + [0]
            d = np.ones((m, n), storage(dtype))
            library.kernel(f"k{at}")(Buffer(turned(a, ta)), Buffer(turned(b, tb)), Buffer(d),
                                     gemm_params(m, n, k, ta, tb, block, (0, 0, m * n), 1), ints(1),
                                     strides(*[0] * 5), Buffer(out_mask), Buffer(left),
                                     Buffer(right), ints(*mask_strides), **launch(m, n, 1, block))
            if op:
                # Where either mask of a block along k is zero it is left out on both sides, NaN or
                # not.
                expected, magnitude = np.zeros((m, n)), np.zeros((m, n))
                for part in range(tiles[2]):
                    along = slice(part * size, (part + 1) * size)
                    both = spread(left_values[:, part:part + 1] * right_values[part:part + 1], size,
                                  m, n)
                    for total, each in zip((expected, magnitude),
                                           product(a_values[:, along], b_values[along])):
                        with np.errstate(invalid="ignore"):
                            total += np.where(both != 0, both * each, 0)
            else:
                expected, magnitude = product(a_values, b_values)
            if out:
                full = spread(out_values, size, m, n)
                expected, magnitude = np.where(full, expected, 0) * full, np.where(
                    full, magnitude, 0) * full
            compare(run, "block_masked_gemm", dtype, [m, n, k], d, expected, magnitude, k)
