"""Floats become the nearest whole number of a type, cut off towards zero; NaN becomes 0 (docs/numerics.md)."""

import numpy as np
import pytest

import anymetal

NEAR = [0, 0.5, 0.99, 1, 1.5, 127, 127.5, 128, 128.9, 129, 255, 255.9, 256, 32767, 32767.9, 32768, 32768.9, 32769, 65535.9, 65536,
        2147483520, 2147483648, 2147483904, 4294967040, 4294967296, 9.2e18, 2.0**63, 9.3e18, 1.8e19, 2.0**64, 1.9e19, 3e38, 1e-40, np.inf]
WHOLE = {"char": np.int8, "uchar": np.uint8, "short": np.int16, "ushort": np.uint16, "int": np.int32, "uint": np.uint32,
         "long": np.int64, "ulong": np.uint64}


def numbers():
    random = np.random.default_rng(1)
    wide = random.standard_normal(1000) * 10.0 ** random.integers(-3, 20, 1000)
    return np.concatenate([NEAR, np.negative(NEAR), [np.nan], wide]).astype(np.float32)


def nearest(x, whole):
    """Of one float, exactly."""
    limits = np.iinfo(whole)
    if np.isnan(x):
        return 0
    if np.isinf(x):
        return limits.max if x > 0 else limits.min
    return min(max(int(x), limits.min), limits.max)


@pytest.mark.parametrize("whole", WHOLE)
@pytest.mark.parametrize("kind", ["float", "half", "bfloat"])
def test_the_nearest_whole_number(kind, whole):
    floats = numbers()
    if kind == "half":
        with np.errstate(over="ignore"):
            bits = floats.astype(np.float16).view(np.uint16)
        floats = bits.view(np.float16).astype(np.float32)
    elif kind == "bfloat":
        bits = (floats.view(np.uint32) >> 16).astype(np.uint16)
        floats = (bits.astype(np.uint32) << 16).view(np.float32)
    else:
        bits = floats.view(np.uint32)
    text = f"""#include <metal_stdlib>
using namespace metal;
kernel void k(device const {'uint' if kind == 'float' else 'ushort'}* a, device {whole}* o, uint i [[thread_position_in_grid]]) {{
  o[i] = {whole}(as_type<{kind}>(a[i]));
}}
"""
    out = np.zeros(len(bits), WHOLE[whole])
    anymetal.Library(text, math_mode="safe").kernel("k")(bits, out, grid=len(bits), threadgroup=64)
    np.testing.assert_array_equal(out, np.array([nearest(x, WHOLE[whole]) for x in floats], WHOLE[whole]))
