"""Simdgroup matrices beside other accesses: what is kept in registers, on the stack or read at once must be what a thread would read."""

import pytest

np = pytest.importorskip("numpy")

KEPT = """#include <metal_stdlib>
using namespace metal;
kernel void products(device const float* a, device float* c, uint simdgroup [[simdgroup_index_in_threadgroup]],
                     uint lane [[thread_index_in_simdgroup]]) {
  threadgroup float2 g[8][32];
  simdgroup_float8x8 left, right, sum = simdgroup_float8x8(0);
  g[simdgroup][lane] = float2(2 * lane % 9 == 0, (2 * lane + 1) % 9 == 0);
  simdgroup_barrier(mem_flags::mem_threadgroup);
  float2 seen = g[simdgroup][lane];
  simdgroup_load(left, a + 64 * simdgroup, 8);
  simdgroup_load(right, (threadgroup float*)g[simdgroup], 8);
  simdgroup_multiply_accumulate(sum, left, right, sum);
  simdgroup_store(sum, c + 64 * simdgroup, 8);
  if (seen.x + seen.y == 7) c[0] = -1;
}
"""


def test_products_of_several_simdgroups_keep_their_own_operands():
    """Right operands are unit matrices, written by each simdgroup for itself."""
    import anymetal

    a = np.arange(512, dtype=np.float32)
    c = np.zeros(512, np.float32)
    anymetal.Library(KEPT).kernel("products")(a, c, grid=256, threadgroup=256)
    np.testing.assert_array_equal(c, a)


PAIR = """#include <metal_stdlib>
using namespace metal;
kernel void pairs(device const half* a, device const float* b, device float* z, device float* c, uint lane [[thread_position_in_grid]]) {
  float x = a[2 * lane];
  z[lane] = x;
  float y = a[2 * lane + 1];
  simdgroup_float8x8 left, right, sum = simdgroup_float8x8(0);
  left.thread_elements()[0] = x;
  left.thread_elements()[1] = y;
  simdgroup_load(right, b, 8);
  simdgroup_multiply_accumulate(sum, left, right, sum);
  c[2 * lane] = sum.thread_elements()[0];
  c[2 * lane + 1] = sum.thread_elements()[1];
}
"""


def test_elements_that_are_asked_for_between_their_loads():
    import anymetal

    a = np.arange(64, dtype=np.float16)
    z, c = np.zeros(32, np.float32), np.zeros(64, np.float32)
    anymetal.Library(PAIR).kernel("pairs")(a, np.eye(8, dtype=np.float32).ravel(), z, c, grid=32, threadgroup=32)
    np.testing.assert_array_equal(z, a[::2])
    np.testing.assert_array_equal(c, a)


SUNK = """#include <metal_stdlib>
using namespace metal;
kernel void sunk(device const half* a, device float* d, constant uint& n, device float* e, uint i [[thread_position_in_grid]]) {
  if (i < 32) {
    simdgroup_half8x8 m;
    simdgroup_float8x8 s = simdgroup_float8x8(1);
    simdgroup_load(m, a, n);
    e[i] = 1;
    for (uint j = 0; j < n; ++j) {
      e[i + 32] += 1;
      if (e[j] > 0) simdgroup_multiply_accumulate(s, m, m, s);
    }
    simdgroup_store(s, d, 8);
  }
}
"""


def test_elements_that_are_widened_in_a_later_block():
    import anymetal

    a = (np.arange(64) % 7).astype(np.float16)
    d, e = np.zeros(64, np.float32), np.zeros(64, np.float32)
    anymetal.Library(SUNK).kernel("sunk")(a, d, np.uint32(8), e, grid=64, threadgroup=64)
    wide = a.astype(np.float32).reshape(8, 8)
    np.testing.assert_array_equal(d.reshape(8, 8), np.eye(8) + 8 * (wide @ wide))


TWICE = """#include <metal_stdlib>
using namespace metal;
kernel void twice(device float* c, device float* d, constant uint& n, device const float* a, uint lane [[thread_position_in_grid]]) {
  simdgroup_float8x8 m, s = simdgroup_float8x8(0);
  simdgroup_load(m, a, 8);
  simdgroup_multiply_accumulate(s, m, m, s);
  simdgroup_store(s, d, 8);
  float x = a[lane], y = a[lane + 32];
  c[(lane >> 2) * n + (lane & 3)] = x;
  c[lane] = y;
}
"""


def test_the_second_store_to_a_place_comes_second():
    """With rows of four, each thread's two places are one."""
    import anymetal

    a, c, d = np.arange(64, dtype=np.float32), np.zeros(32, np.float32), np.zeros(64, np.float32)
    anymetal.Library(TWICE).kernel("twice")(c, d, np.uint32(4), a, grid=32, threadgroup=32)
    np.testing.assert_array_equal(c, a[32:])
