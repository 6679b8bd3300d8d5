"""Products with matrices of small floating-point numbers that share a scale in each group."""

import numpy as np

from anymetal import Buffer
from framework import METAL, covers, decode, storage
from matrices import EPSILON, bound, ints, operand, packed, product, strides

TYPES = ["float32", "float16", "bfloat16"]
MODES = [(16, 4), (32, 4), (32, 8)]  # nvfp4, mxfp4, mxfp8: group, bits
E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])


def e4m3(codes):
    exponent, fraction = (codes >> 3) & 15, codes & 7
    size = np.where(exponent == 0, fraction * 2.0**-9, (8 + fraction) * 2.0 ** (exponent - 10.0))
    return np.where(codes & 128, -size, size)


def matrix(rng, shape, group, bits):
    """Words, scales, and the values."""
    codes = rng.integers(0, 2**bits, size=shape)
    if bits == 8:
        codes = np.where((codes & 127) == 127, codes - 1, codes)  # no NaN
    values = e4m3(codes) if bits == 8 else np.where(codes & 8, -1, 1) * E2M1[codes & 7]
    groups = (*shape[:-1], shape[-1] // group)
    if group == 16:
        scales = rng.integers(40, 60, size=groups)
        sizes = e4m3(scales)
    else:
        scales = rng.integers(124, 129, size=groups) - (5 if bits == 8 else 0)
        sizes = 2.0 ** (scales - 127.0)
    return packed(codes, bits), scales.astype(np.uint8), values * np.repeat(sizes, group, -1)


def shaped(x_shape, words, scales):
    return {"x_batch_ndims": 1, "x_shape": ints(*x_shape), "x_strides": strides(x_shape[1] * x_shape[2], x_shape[2], 1), "w_batch_ndims": 1,
            "w_shape": ints(*words.shape), "w_strides": strides(words[0].size, words.shape[-1], 1), "s_strides": strides(scales[0].size, scales.shape[-1], 1)}


@covers("fp_quantized.h", "steel/gemm/gemm.h", "quantized_utils.h")
def products(run):
    rng = np.random.default_rng(1)
    shapes = {"fp_qmv": [(1, 5, 128), (2, 13, 256), (3, 8, 384)], "fp_qmv_fast": [(1, 8, 1024), (2, 24, 1024), (1, 16, 2048)],
              "fp_qmm_t": [(33, 40, 128), (7, 64, 64), (5, 70, 128)], "fp_qmm_n": [(33, 128, 40), (8, 64, 64), (35, 128, 33)]}
    for dtype in TYPES:
        for group, bits in MODES:
            library = run.library({f"{name}{int(batched)}": f"{name}<{METAL[dtype]}, {group}, {bits}, {'false, ' if name == 'fp_qmm_t' else ''}{str(batched).lower()}>"
                                   for name in shapes for batched in (False, True)})
            for name, each in shapes.items():
                for at, (m, n, k) in enumerate(each):
                    batch, turned = 1 + at % 2, name == "fp_qmm_n"
                    x, x_values = operand(rng, (batch, m, k), dtype, {(0, m - 1, 3): np.nan})
                    w, scales, values = matrix(rng, (batch, k, n) if turned else (batch, n, k), group, bits)
                    y = np.zeros((batch, m, n), storage(dtype))
                    few = "qmv" in name
                    sizes = {"in_vec_size": k, "out_vec_size": n} if few else {"K": k, "N": n, "M": m}
                    extra = {} if turned else {"global_scale": np.ones(1, np.float32)}
                    library.kernel(f"{name}{batch - 1}")(
                        w=w, scales=scales, x=Buffer(x), y=Buffer(y), **sizes, **extra, **shaped(x.shape, w, scales),
                        threadgroups=(m, -(-n // 8), batch) if few else (-(-n // 32), -(-m // 32), batch), threadgroup=(32, 2, 1 if few else 2))
                    expected, magnitude = product(x_values, values if turned else values.swapaxes(1, 2))
                    # Weights are kept in the type: of few bits, they lose nothing there but as small ones in half.
                    run.check(name, dtype, [batch, m, n, k], decode(y, dtype), expected, oracle="NumPy in double",
                              atol=bound(expected, magnitude, k, dtype) + (EPSILON[dtype] / 2 * np.nan_to_num(magnitude) if dtype != "float32" else 0))
