"""Numbers of 32 bits that wrap around, in lanes that are active or not, and are widened or used as indices then."""

import pytest

np = pytest.importorskip("numpy")

TEXT = """#include <metal_stdlib>
using namespace metal;
kernel void widened(device ulong* o, uint i [[thread_position_in_grid]]) {
  uint x = i - 5;
  if (x < 1000) o[i] = ulong(x * 3);
}
kernel void masked(device ulong* o, device const uint* a, uint i [[thread_position_in_grid]]) {
  uint x = i - 5;
  if (x < 20) { ulong y = x * 3; o[i] = a[y & 63] + y; }
}
kernel void back_inside(device uint* o, device const uint* a, uint i [[thread_position_in_grid]]) {
  uint x = i * 1431655766u;
  if (x < 512) o[i] = a[x];
}
"""


@pytest.fixture(scope="module")
def library():
    import anymetal

    return anymetal.Library(TEXT)


def test_lane_0_has_wrapped_and_isn_t_active(library):
    o = np.zeros(64, np.uint64)
    library.kernel("widened")(o, grid=64, threadgroup=64)
    np.testing.assert_array_equal(o, [max(i - 5, 0) * 3 for i in range(64)])
    o[:] = 0
    library.kernel("masked")(o, np.arange(64, dtype=np.uint32), grid=64, threadgroup=64)
    np.testing.assert_array_equal(o, [(i - 5) * 6 if 5 <= i < 25 else 0 for i in range(64)])


def test_lanes_that_come_back_inside(library):
    a, o = np.arange(512, dtype=np.uint32) * 7, np.full(64, 9, np.uint32)
    library.kernel("back_inside")(o, a, grid=64, threadgroup=64)
    x = np.arange(64, dtype=np.uint64) * 1431655766 & 0xffffffff
    np.testing.assert_array_equal(o, [a[each] if each < 512 else 9 for each in x])
