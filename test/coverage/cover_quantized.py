"""Products with matrices of few bits, with a scale and a bias for each group of them."""

import numpy as np

from anymetal import Buffer
from framework import METAL, covers, decode, storage
from matrices import EPSILON, bound, ints, operand, packed, product, strides

INCLUDES = ["steel/gemm/gemm.h", "quantized_utils.h"]
TYPES = ["float32", "float16", "bfloat16"]
FORMATS = [(32, 2), (64, 3), (128, 4), (32, 5), (64, 6), (32, 8)]  # groups, bits
DTYPE_FORMATS = [(dtype, group, bits) for dtype in TYPES for group, bits in FORMATS]
# For kernels that unpack with the code of the others: each type with at least one.
SOME_FORMATS = DTYPE_FORMATS[::4]


def matrix(rng, shape, group, bits, dtype):
    """Words, scales and biases as bytes; the values, and |scale| code + |bias|."""
    codes = rng.integers(0, 2**bits, size=shape)
    groups = (*shape[:-1], shape[-1] // group)
    scales, s = operand(rng, groups, dtype)
    biases, b = operand(rng, groups, dtype)
    s, b = np.repeat(s, group, -1), np.repeat(b, group, -1)
    return (packed(codes, bits), Buffer(scales),
            Buffer(biases)), s * codes + b, np.abs(s) * codes + np.abs(b)


def shaped(x_shape, words, group, bits):
    """The arguments about batches: one dimension of them, dense."""
    batch, columns = words.shape[0], words.shape[-1]
    per_group = words[0].size * 32 // bits // group
    return {
        "x_batch_ndims": 1, "x_shape": ints(*x_shape),
        "x_strides": strides(x_shape[1] * x_shape[2], x_shape[2], 1), "w_batch_ndims": 1,
        "w_shape": ints(*words.shape), "w_strides": strides(words[0].size, columns, 1),
        "s_strides": strides(per_group, columns * 32 // bits // group,
                             1), "b_strides": strides(per_group, columns * 32 // bits // group, 1)
    }


def compare(run, name, dtype, shape, actual, x, w, w_magnitude, k, dequantized=False, stores=1):
    """Dequantized weights are rounded to the type, by product and sum; otherwise sums of four
    inputs are."""
    expected, magnitude = product(x, w)
    with np.errstate(all="ignore"):
        magnitude = product(np.abs(x), w_magnitude)[0]
        roundings = (1.02 if dequantized else 2) * EPSILON[dtype] * np.nan_to_num(
            magnitude, posinf=0)
    extra = roundings if dtype != "float32" else 0
    run.check(name, dtype, shape, decode(actual, dtype), expected,
              atol=bound(expected, magnitude, k, dtype, stores) + extra, oracle="NumPy in double")


def flag(value):
    return str(value).lower()


@covers("quantized.h", *INCLUDES)
def vectors(run):
    """Few rows times a matrix: (rows, outputs, inputs)."""
    rng = np.random.default_rng(1)
    shapes = {
        "affine_qmv": [(1, 5, 128), (2, 13, 256), (3, 8, 384)], "affine_qmv_fast": [(1, 8, 1024),
                                                                                    (2, 24, 1024),
                                                                                    (1, 16, 2048)],
        "affine_qvm": [(1, 128, 33), (2, 256, 64), (3, 128, 5)]
    }
    for dtype, group, bits in DTYPE_FORMATS:
        library = run.library({
            f"{name}{int(batched)}": f"{name}<{METAL[dtype]}, {group}, {bits}, {flag(batched)}>"
            for name in shapes
            for batched in (False, True)
        })
        for name, each in shapes.items():
            for at, (m, n, k) in enumerate(each):
                batch = 1 + at % 2
                x, x_values = operand(rng, (batch, m, k), dtype, {(0, m - 1, 3): np.nan})
                turned = name == "affine_qvm"
                (w, scales, biases), values, magnitude = matrix(rng, (batch, k, n) if turned else
                                                                (batch, n, k), group, bits, dtype)
                y = np.zeros((batch, m, n), storage(dtype))
                library.kernel(f"{name}{int(batch > 1)}")(
                    w=w, scales=scales, biases=biases, x=Buffer(x), y=Buffer(y), in_vec_size=k,
                    out_vec_size=n, **shaped(x.shape, w, group, bits),
                    threadgroups=(m, -(-n // (64 if turned else 8)), batch), threadgroup=(32, 2, 1))
                if not turned:
                    values, magnitude = values.swapaxes(1, 2), magnitude.swapaxes(1, 2)
                compare(run, name, dtype, [batch, m, n, k], y, x_values, values, magnitude, k)


@covers("quantized.h", *INCLUDES)
def vectors_quad_wide(run):
    rng = np.random.default_rng(2)
    for dtype, group, bits in DTYPE_FORMATS:
        instances = {
            f"wide{count}": f"affine_qmv_wide<{METAL[dtype]}, {group}, {bits}, {count}, 8, "
                            f"{flag(count % 2)}>"
            for count in (2, 3, 4, 5)
        }
        if bits in (2, 4, 8) and group <= 64:
            instances |= {
                f"quad{dim}": f"affine_qmv_quad<{METAL[dtype]}, {group}, {bits}, {dim}, "
                              f"{flag(dim == 64)}>"
                for dim in (64, 128)
            }
        library = run.library(instances)
        for m, n, k, count in ((2, 9, 256, 2), (3, 16, 128, 3), (4, 37, 384, 4), (7, 8, 128, 4),
                               (5, 21, 128, 5)):
            batch = 2 if count % 2 else 1
            x, x_values = operand(rng, (batch, m, k), dtype, {(0, m - 1, 3): np.nan})
            (w, scales, biases), values, magnitude = matrix(rng, (batch, n, k), group, bits, dtype)
            y = np.zeros((batch, m, n), storage(dtype))
            library.kernel(f"wide{count}")(w=w, scales=scales, biases=biases, x=Buffer(x),
                                           y=Buffer(y), in_vec_size=k, out_vec_size=n, M=m,
                                           **shaped(x.shape, w, group, bits),
                                           threadgroups=(-(-m // count), -(-n // 8), batch),
                                           threadgroup=(32, 2, 1))
            compare(run, "affine_qmv_wide", dtype, [batch, m, n, k], y, x_values,
                    values.swapaxes(1, 2), magnitude.swapaxes(1, 2), k)
        for m, n, k in ((1, 37, 64), (3, 64, 128), (2, 100, 64)) if "quad64" in instances else ():
            batch = 2 if k == 64 else 1
            x, x_values = operand(rng, (batch, m, k), dtype, {(0, m - 1, 3): np.nan})
            (w, scales, biases), values, magnitude = matrix(rng, (batch, n, k), group, bits, dtype)
            y = np.zeros((batch, m, n), storage(dtype))
            library.kernel(f"quad{k}")(w=w, scales=scales, biases=biases, x=Buffer(x), y=Buffer(y),
                                       in_vec_size=k, out_vec_size=n,
                                       **shaped(x.shape, w, group, bits),
                                       threadgroups=(m, -(-n // 64), batch), threadgroup=(32, 1, 1))
            compare(run, "affine_qmv_quad", dtype, [batch, m, n, k], y, x_values,
                    values.swapaxes(1, 2), magnitude.swapaxes(1, 2), k)


@covers("quantized.h", *INCLUDES)
def split(run):
    """Parts of the sum, in grid's third dimension."""
    rng = np.random.default_rng(3)
    for dtype, group, bits in DTYPE_FORMATS:
        instances = {"qvm": f"affine_qvm_split_k<{METAL[dtype]}, {group}, {bits}, 8>"}
        instances |= {
            f"qmm{int(aligned)}": f"affine_qmm_t_splitk<{METAL[dtype]}, {group}, {bits}, "
                                  f"{flag(aligned)}>"
            for aligned in (False, True)
        }
        library = run.library(instances)
        for m, n, k in ((1, 128, 67), (2, 256, 64), (1, 128, 130)):
            part = -(-k // 8)
            x, x_values = operand(rng, (m, k), dtype, {(m - 1, 3): np.nan})
            (w, scales, biases), values, magnitude = matrix(rng, (k, n), group, bits, dtype)
            y = np.zeros((8, m, n), storage(dtype))
            about = shaped((8, m, k), w[None], group, bits)
            about |= {
                "x_strides": strides(part, k,
                                     1), "w_strides": strides(part * w.shape[1], w.shape[1], 1),
                "s_strides": strides(part * n // group, n // group,
                                     1), "b_strides": strides(part * n // group, n // group, 1)
            }
            library.kernel("qvm")(w=w, scales=scales, biases=biases, x=Buffer(x), y=Buffer(y),
                                  in_vec_size=part, out_vec_size=n, **about,
                                  final_block_size=k - 7 * part, threadgroups=(m, -(-n // 64), 8),
                                  threadgroup=(32, 2, 1))
            for at in range(8):
                along = slice(at * part, (at + 1) * part)
                compare(run, "affine_qvm_split_k", dtype, [m, n, k], y[at], x_values[:, along],
                        values[along], magnitude[along], k)
        for m, n, k in ((5, 33, 256), (33, 64, 256), (32, 70, 512)):
            x, x_values = operand(rng, (m, k), dtype, {(m - 1, 3): np.nan})
            (w, scales, biases), values, magnitude = matrix(rng, (n, k), group, bits, dtype)
            y = np.zeros((2, m, n), np.float32)
            library.kernel(f"qmm{int(n % 32 == 0)}")(w=w, scales=scales, biases=biases, x=Buffer(x),
                                                     y=y, K=k, N=n, M=m, k_partition_size=k // 2,
                                                     split_k_partition_stride=m * n,
                                                     threadgroups=(-(-n // 32), -(-m // 32), 2),
                                                     threadgroup=(32, 2, 2))
            for at in range(2):
                along = slice(at * k // 2, (at + 1) * k // 2)
                expected = product(x_values[:, along], values.T[along])[0]
                size = np.nan_to_num(product(np.abs(x_values[:, along]), magnitude.T[along])[0])
                run.check("affine_qmm_t_splitk", dtype, [m, n, k], y[at], expected,
                          oracle="NumPy in double",
                          atol=(k + 4) * 2.0**-24 * size + 1.02 * EPSILON[dtype] * size)


@covers("quantized.h", *INCLUDES)
def products(run):
    rng = np.random.default_rng(4)
    for dtype, group, bits in SOME_FORMATS:
        instances = {
            f"t{int(aligned)}{int(batched)}": f"affine_qmm_t<{METAL[dtype]}, {group}, {bits}, "
                                              f"{flag(aligned)}, {flag(batched)}>"
            for aligned in (False, True)
            for batched in (False, True)
        }
        instances |= {
            f"n{int(batched)}": f"affine_qmm_n<{METAL[dtype]}, {group}, {bits}, {flag(batched)}>"
            for batched in (False, True)
        }
        library = run.library(instances)
        for at, (m, n, k) in enumerate(((33, 40, 128), (7, 64, 256), (5, 70, 128), (33, 128, 40),
                                        (8, 128, 64), (35, 256, 33))):
            turned, batch = at < 3, 1 + at % 2
            x, x_values = operand(rng, (batch, m, k), dtype, {(0, m - 1, 3): np.nan,
                                                              (0, m // 2, 0): np.inf})
            (w, scales, biases), values, magnitude = matrix(rng, (batch, n, k) if turned else
                                                            (batch, k, n), group, bits, dtype)
            y = np.zeros((batch, m, n), storage(dtype))
            library.kernel(f"t{int(n % 32 == 0)}{batch - 1}" if turned else f"n{batch - 1}")(
                w=w, scales=scales, biases=biases, x=Buffer(x), y=Buffer(y), K=k, N=n, M=m,
                **shaped(x.shape, w, group, bits), threadgroups=(-(-n // 32), -(-m // 32), batch),
                threadgroup=(32, 2, 2))
            if turned:
                values, magnitude = values.swapaxes(1, 2), magnitude.swapaxes(1, 2)
            compare(run, "affine_qmm_t" if turned else "affine_qmm_n", dtype, [batch, m, n, k], y,
                    x_values, values, magnitude, k, dequantized=True)


@covers("quantized.h", *INCLUDES)
def gathers(run):
    rng = np.random.default_rng(5)
    left, right = np.array([2, 0, 1, 1], np.uint32), np.array([1, 1, 0, 2], np.uint32)
    for dtype, group, bits in SOME_FORMATS:
        names = [
            "affine_gather_qmv", "affine_gather_qmv_fast", "affine_gather_qvm",
            "affine_gather_qmm_n"
        ]
        instances = {name: f"{name}<{METAL[dtype]}, {group}, {bits}>" for name in names}
        instances |= {
            f"affine_gather_qmm_t{int(aligned)}": f"affine_gather_qmm_t<{METAL[dtype]}, {group}, "
                                                  f"{bits}, {flag(aligned)}>"
            for aligned in (False, True)
        }
        library = run.library(instances)
        uses = {
            "affine_gather_qmv": [(1, 5, 128), (2, 13, 256),
                                  (1, 8, 128)], "affine_gather_qmv_fast": [(1, 8, 1024),
                                                                           (2, 16, 1024),
                                                                           (1, 24, 1024)],
            "affine_gather_qvm": [(1, 128, 33),
                                  (2, 256, 7), (1, 128, 40)], "affine_gather_qmm_n": [(5, 128, 40),
                                                                                      (33, 128, 33),
                                                                                      (8, 256, 32)],
            "affine_gather_qmm_t": [(33, 40, 128), (7, 64, 128), (5, 70, 128)]
        }
        for name, shapes in uses.items():
            turned = name.endswith(("qmm_n", "qvm"))
            for m, n, k in shapes:
                x, x_values = operand(rng, (3, m, k), dtype, {(0, m - 1, 3): np.nan})
                (w, scales, biases), values, magnitude = matrix(rng, (3, k, n) if turned else
                                                                (3, n, k), group, bits, dtype)
                y = np.zeros((4, m, n), storage(dtype))
                sizes = {"K": k, "N": n, "M": m
                         } if "qmm" in name else {"in_vec_size": k, "out_vec_size": n}
                grid = (-(-n // 32), -(-m // 32),
                        4) if "qmm" in name else (m, -(-n // (64 if turned else 8)), 4)
                library.kernel(name + (str(int(n % 32 == 0)) if name.endswith("qmm_t") else ""))(
                    w=w, scales=scales, biases=biases, x=Buffer(x), lhs_indices=left,
                    rhs_indices=right, y=Buffer(y), **sizes, **shaped(x.shape, w, group,
                                                                      bits), batch_ndims=1,
                    batch_shape=ints(4), lhs_strides=strides(1), rhs_strides=strides(1),
                    threadgroups=grid, threadgroup=(32, 2, 2) if "qmm" in name else (32, 2, 1))
                if not turned:
                    values, magnitude = values.swapaxes(1, 2), magnitude.swapaxes(1, 2)
                compare(run, name, dtype, [4, m, n, k], y, x_values[left], values[right],
                        magnitude[right], k, dequantized="qmm" in name)


@covers("quantized.h", *INCLUDES)
def gather_rhs(run):
    """Rows of x in groups, each with a matrix of its own."""
    rng = np.random.default_rng(6)
    for dtype, group, bits in SOME_FORMATS:
        library = run.library({
            f"k{int(turned)}": f"affine_gather_qmm_rhs<{METAL[dtype]}, {group}, {bits}, 16, 32, "
                               f"32, 1, 2, {flag(turned)}>"
            for turned in (False, True)
        })
        for m, n, k, ends, turned in ((37, 40, 128, [3, 3, 20,
                                                     37], True), (32, 64, 128, [16, 32], True),
                                      (9, 128, 33, [9], False), (32, 128, 64, [0, 5, 32], False)):
            groups = len(ends)
            x, x_values = operand(rng, (m, k), dtype, {(m - 1, 3): np.nan})
            (w, scales, biases), values, magnitude = matrix(rng, (groups, n, k) if turned else
                                                            (groups, k, n), group, bits, dtype)
            y = np.zeros((m, n), storage(dtype))
            aligned = {200: m % 16 == 0, 201: n % 32 == 0, 202: k % 32 == 0}
            library.kernel(f"k{int(turned)}",
                           aligned)(x=Buffer(x), w=w, scales=scales, biases=biases,
                                    offsets=ints(0, *ends)[:groups], y=Buffer(y), M=m, N=n, K=k,
                                    num_groups=groups,
                                    threadgroups=(-(-n // 32), -(-m // 16) + groups, 1),
                                    threadgroup=(32, 2, 1))
            if turned:
                values, magnitude = values.swapaxes(1, 2), magnitude.swapaxes(1, 2)
            which = np.searchsorted(ends, np.arange(m), side="right")
            compare(run, "affine_gather_qmm_rhs", dtype, [m, n, k, groups], y[:, None],
                    x_values[:, None], values[which], magnitude[which], k, dequantized=True)


@covers("quantized.h", *INCLUDES)
def conversions(run):
    rng = np.random.default_rng(7)
    import mlx.core as mx
    from framework import from_mlx, to_mlx

    for dtype in TYPES:
        formats = [(group, bits) for group in (32, 64, 128) for bits in (2, 3, 4, 5, 6, 8)]
        library = run.library({
            f"{kind}{group}_{bits}": f"affine_{kind}<{METAL[dtype]}, {group}, {bits}>"
            for kind in ("quantize", "dequantize")
            for group, bits in formats
        })
        for group, bits in formats:
            for rows, columns in ((1, 128), (3, 384), (7, 128)):
                w, values = operand(rng, (rows, columns), dtype)
                out = np.zeros((rows, columns * bits // 8), np.uint8)
                scales, biases = np.zeros((2, rows, columns // group), storage(dtype))
                library.kernel(f"quantize{group}_{bits}")(Buffer(w), out, Buffer(scales),
                                                          Buffer(biases),
                                                          grid=w.size // (group // 32))
                with mx.stream(mx.cpu):
                    codes, s, b = mx.quantize(to_mlx(w, dtype), group, bits)
                # Scales come from one division, and may round the other way; then so may codes.
                run.check("affine_quantize", dtype, [rows, columns, group, bits],
                          decode(scales, dtype), from_mlx(s), rtol=EPSILON[dtype])
                run.check("affine_quantize", dtype, [rows, columns, group, bits],
                          decode(biases, dtype), from_mlx(b), rtol=EPSILON[dtype])
                given = (np.unpackbits(out, axis=-1, bitorder="little").reshape(
                    rows, columns, bits) << np.arange(bits)).sum(-1)
                wanted = (np.unpackbits(
                    np.array(codes).view(np.uint8), axis=-1, bitorder="little").reshape(
                        rows, columns, bits) << np.arange(bits)).sum(-1)
                assert (abs(given - wanted) <= 1).all() and (
                    given != wanted).mean() <= 0.02, f"codes of {dtype} {group} {bits} differ"
                back = np.zeros((rows, columns), storage(dtype))
                scales, s = operand(rng, scales.shape, dtype, {(0, 0): np.inf})
                packs = 8 if bits in (3, 5) else 4 if bits == 6 else 8 // bits
                library.kernel(f"dequantize{group}_{bits}")(out, Buffer(scales), Buffer(biases),
                                                            Buffer(back), grid=w.size // packs)
                with np.errstate(invalid="ignore"):
                    terms = np.repeat(s, group, -1) * given, np.repeat(
                        decode(biases, dtype).astype(np.float64), group, -1)
                size = np.nan_to_num(np.abs(terms[0]), posinf=0) + np.abs(terms[1])
                run.check("affine_dequantize", dtype, [rows, columns, group, bits],
                          decode(back, dtype), terms[0] + terms[1],
                          atol=1.02 * EPSILON[dtype] * size, oracle="NumPy in double")
