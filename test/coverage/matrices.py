"""Matrices for the kernels that multiply: operands with the values they hold, and how far a product
may be off.

A sum of n products in float, in whatever order, is off by at most about n * 2^-24 of the sum of the
products' magnitudes; storing it in type T adds half an epsilon of T. Nothing more is allowed,
unless a family says why.
"""

import numpy as np

from framework import decode, encode

EPSILON = {"float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7, "complex64": 2.0**-22}


def operand(rng, shape, dtype, special=()):
    """Bytes for a kernel and the values that they hold, in double. `special`: {index: value}."""
    values = rng.normal(size=shape)
    if dtype == "complex64":
        values = values + 1j * rng.normal(size=shape)
    for index, value in dict(special).items():
        values[index] = value
    bytes = encode(values.astype(np.complex64 if dtype == "complex64" else np.float32), dtype)
    return bytes, decode(bytes, dtype).astype(np.complex128 if dtype == "complex64" else np.float64)


def product(a, b):
    """a @ b, and the same of magnitudes, for `bound`."""
    with np.errstate(all="ignore"):
        # Sums, not BLAS: NaN and infinity only where they belong.
        return (a[..., :, :, None] *
                b[..., None, :, :]).sum(-2), (np.abs(a)[..., :, :, None] *
                                              np.abs(b)[..., None, :, :]).sum(-2)


def bound(expected, magnitude, length, dtype, stores=1):
    """What may be between a kernel's sum of `length` products and the exact one; `stores`:
    roundings to the type."""
    with np.errstate(all="ignore"):
        allowed = (length + 4) * 2.0**-24 * magnitude + stores * 0.51 * EPSILON[dtype] * np.maximum(
            np.abs(expected), 0)
        return np.nan_to_num(allowed, nan=0, posinf=0) + 2.0**-24 * (dtype == "float16")


def packed(codes, bits):
    """Codes along the last axis to words: the bits of all of them, the least first."""
    stream = (codes[..., None] >> np.arange(bits)) & 1
    return np.packbits(
        stream.reshape(*codes.shape[:-1], -1).astype(np.uint8), axis=-1,
        bitorder="little").view(np.uint32)


def ints(*values):
    return np.array(values, np.int32)


def strides(*values):
    return np.array(values, np.int64)
