"""Inputs for the families: random numbers with special values among them, and views whose elements
do not lie in a row."""

import numpy as np

from framework import decode, encode, storage

EPSILON = {"float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7, "complex64": 2.0**-23}


def floats(size, dtype, scale=2.0, seed=0, special=True):
    """Encoded: normally distributed, with both zeros, both infinities and NaN every 17th element
    from the third."""
    values = np.random.default_rng([size, seed]).normal(size=size).astype(np.float32) * scale
    if special:
        values[3::17] = np.array([0.0, -0.0, np.inf, -np.inf, np.nan],
                                 np.float32)[np.arange(len(values[3::17])) % 5]
    return encode(values, dtype)


def complexes(size, scale=1.0, seed=0):
    random = np.random.default_rng([size, seed])
    return ((random.normal(size=size) + 1j * random.normal(size=size)) * scale).astype(np.complex64)


def integers(size, dtype, low=None, high=None, seed=0):
    """Over the whole range, with both ends of it, unless bounded (a lower bound below the type's is
    the type's)."""
    random = np.random.default_rng([size, seed])
    if dtype == "bool":
        return random.integers(0, 2, size).astype(bool)
    info = np.iinfo(dtype)
    least, most = info.min if low is None else max(
        low, info.min), info.max if high is None else min(high, info.max)
    values = random.integers(least, most, size, dtype=dtype, endpoint=True)
    if low is None and high is None and size >= 4:
        values[1], values[2] = info.min, info.max
    return values


def anything(size, dtype, seed=0):
    """Values of any type, encoded; special ones where there are."""
    if dtype == "complex64":
        return complexes(size, seed=seed)
    return floats(size, dtype, seed=seed) if dtype in EPSILON else integers(size, dtype, seed=seed)


def permuted(flat, shape):
    """A view of `shape` (of the elements of `flat`) whose last axis is not the one of stride 1, and
    its strides in elements."""
    axes = np.roll(np.arange(len(shape)), 1)
    view = flat.reshape([shape[i] for i in np.argsort(axes)]).transpose(axes)
    assert view.shape == tuple(shape)
    return view, np.array(view.strides, np.int64) // view.itemsize


def outputs(size, dtype):
    return np.zeros(size, storage(dtype))


def rounded(values, dtype):
    """Values as the type would hold them, decoded."""
    with np.errstate(all="ignore"):
        return decode(encode(values, dtype), dtype)
