"""Floats to bfloats, whole lines of them: to nearest even, denormals kept, NaN a NaN, with denormals anywhere or nowhere in a line."""

import pytest

np = pytest.importorskip("numpy")

TEXT = """#include <metal_stdlib>
using namespace metal;
kernel void one(device const float* x, device bfloat* y, uint i [[thread_position_in_grid]]) {
  y[i] = bfloat(x[i]);
}
kernel void four(device const float4* x, device bfloat4* y, uint i [[thread_position_in_grid]]) {
  y[i] = bfloat4(x[i]);
}
"""


def patterns():
    """Each upper half with lower ones that matter, in this order; and shuffled, so that lines have few denormals or none."""
    high = np.arange(1 << 16, dtype=np.uint32) << 16
    low = np.array([0, 1, 0x7fff, 0x8000, 0x8001, 0xffff, 0x1234, 0xc000], np.uint32)
    ordered = (high[:, None] | low).ravel()
    return np.concatenate([ordered, np.random.default_rng(2).permutation(ordered)])


@pytest.mark.parametrize("name, width", [("one", 1), ("four", 4)])
def test_floats_to_bfloats(name, width):
    import anymetal

    bits = patterns()
    got = np.zeros(bits.size, np.uint16)
    kernel = anymetal.Library(TEXT, math_mode="safe").kernel(name)
    kernel(anymetal.Buffer(bits.view(np.float32)), anymetal.Buffer(got), grid=bits.size // width, threadgroup=256)
    wide = bits.astype(np.uint64)
    want = (wide + 0x7fff + (wide >> 16 & 1) >> 16).astype(np.uint16)
    is_nan = (wide & 0x7fffffff) > 0x7f800000
    np.testing.assert_array_equal(got[~is_nan], want[~is_nan])
    assert np.all((got[is_nan] & 0x7fff) > 0x7f80)


BY_HAND = """#include <metal_stdlib>
using namespace metal;
kernel void by_hand(device const float* x, device uint* bits, device ushort* y, uint i [[thread_position_in_grid]]) {
  uint u = as_type<uint>(x[i] + x[i]);
  bits[i] = u;
  y[i] = ushort(((u + 0x7fff) + ((u >> 16) & 1)) >> 16);
}
"""


def test_integers_that_round_as_bfloats_do_stay_integers():
    """Of a NaN's bits they make another number."""
    import anymetal

    x = np.full(4096, 0x7fffffff, np.uint32)
    x[::3] = 0x7fc08001
    bits, y = np.zeros(x.size, np.uint32), np.zeros(x.size, np.uint16)
    anymetal.Library(BY_HAND, math_mode="safe").kernel("by_hand")(x.view(np.float32), bits, y, grid=x.size, threadgroup=256)
    wide = bits.astype(np.uint64)
    np.testing.assert_array_equal(y, ((wide + 0x7fff + (wide >> 16 & 1) & 0xffffffff) >> 16).astype(np.uint16))
