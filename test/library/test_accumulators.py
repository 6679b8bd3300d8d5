"""Atomic additions that each of the machine's threads collects for itself, and what else a kernel may do there."""

import pytest

np = pytest.importorskip("numpy")

TEXT = """#include <metal_stdlib>
using namespace metal;
kernel void last_reads(device atomic_uint* bins, device uint* seen, uint i [[thread_position_in_grid]],
                       uint threads [[threads_per_threadgroup]], uint most [[dispatch_threads_per_threadgroup]]) {
  if (threads == most) {
    atomic_fetch_add_explicit(&bins[i & 15], 1u, memory_order_relaxed);
  } else {
    seen[i & 15] = atomic_load_explicit(&bins[32 + (i & 15)], memory_order_relaxed);
    atomic_store_explicit(&bins[16 + (i & 15)], 7u, memory_order_relaxed);
  }
}
kernel void last_takes_maxima(device atomic_uint* bins, device uint*, uint i [[thread_position_in_grid]],
                              uint threads [[threads_per_threadgroup]], uint most [[dispatch_threads_per_threadgroup]]) {
  if (threads == most) atomic_fetch_add_explicit(&bins[i & 15], 1u, memory_order_relaxed);
  else atomic_fetch_max_explicit(&bins[16 + (i & 15)], i, memory_order_relaxed);
}
kernel void floats(device atomic_float* bins, uint i [[thread_position_in_grid]]) {
  atomic_fetch_add_explicit(&bins[0], 1.0f, memory_order_relaxed);
  atomic_fetch_add_explicit(&bins[1 + (i & 1)], float(i & 7), memory_order_relaxed);
  atomic_fetch_sub_explicit(&bins[3], 0.5f, memory_order_relaxed);
}
"""


@pytest.fixture(scope="module")
def library():
    import anymetal

    return anymetal.Library(TEXT)


@pytest.mark.parametrize("threads", [64, 256])
def test_only_full_threadgroups_add(library, threads):
    n = threads * 64 + 16
    bins, seen = np.repeat(np.array([0, 100, 5, 9], np.uint32), 16), np.zeros(16, np.uint32)
    library.kernel("last_reads")(bins, seen, grid=n, threadgroup=threads)
    np.testing.assert_array_equal(seen, 5)
    np.testing.assert_array_equal(bins, np.repeat([threads * 4, 7, 5, 9], 16))
    bins[:] = 3
    library.kernel("last_takes_maxima")(bins, seen, grid=n, threadgroup=threads)
    np.testing.assert_array_equal(bins[:16], 3 + threads * 4)
    np.testing.assert_array_equal(bins[16:32], np.arange(n - 16, n))
    np.testing.assert_array_equal(bins[32:], 3)


def test_sums_of_floats_in_any_grouping(library):
    n = 4096
    bins = np.array([2**24, 0, 0, 8], np.float32)
    library.kernel("floats")(bins, grid=n, threadgroup=64)
    assert 2**24 <= bins[0] <= 2**24 + n
    np.testing.assert_array_equal(bins[1:], [n // 8 * 12, n // 8 * 16, 8 - n / 2])
