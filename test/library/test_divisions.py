"""Indices that are taken apart: neighbours share a quotient, but for those that don't."""

import pytest

np = pytest.importorskip("numpy")

TEXT = """#include <metal_stdlib>
using namespace metal;
kernel void shifted(device const uint* p, device uint* o, uint t [[thread_position_in_grid]]) {
  uint i = t - p[0], n = p[1];
  o[2 * t] = i / n; o[2 * t + 1] = i % n;
}
kernel void by_a_constant(device const uint* p, device uint* o, uint t [[thread_position_in_grid]]) {
  uint i = t - 3u;
  o[2 * t] = i / 1000u; o[2 * t + 1] = i % 1000u;
}
kernel void guarded(device const uint* p, device uint* o, uint t [[thread_position_in_grid]]) {
  if (t >= p[2]) return;
  uint i = t - p[0], n = p[1];
  o[2 * t] = i / n; o[2 * t + 1] = i % n;
}
kernel void twice(device const uint* p, device uint* o, uint t [[thread_position_in_grid]]) {
  uint i = (t - p[0]) / 3u, n = p[1];
  o[2 * t] = i / n; o[2 * t + 1] = i % n;
}
kernel void narrow(device const ushort* p, device ushort* o, uint t [[thread_position_in_grid]]) {
  ushort i = ushort(t) - p[0], n = p[1];
  o[2 * t] = i / n; o[2 * t + 1] = i % n;
}
kernel void narrowest(device const uchar* p, device uchar* o, uint t [[thread_position_in_grid]]) {
  uchar i = uchar(t * p[0]), n = p[1];
  o[2 * t] = i / n; o[2 * t + 1] = i % n;
}
"""


@pytest.fixture(scope="module")
def library():
    import anymetal

    return anymetal.Library(TEXT, math_mode="safe")


def check(library, name, dtype, parameters, expected):
    """What the kernel leaves: quotient and remainder of each thread's dividend."""
    for threads in (32, 100, 256):
        o = np.zeros(1024, dtype)
        library.kernel(name)(np.array(parameters, dtype), o, grid=512, threadgroup=threads)
        np.testing.assert_array_equal(o, np.stack(expected, 1).ravel().astype(dtype), err_msg=f"{name}, {threads}")


@pytest.mark.parametrize("n", [1, 7, 1000, 4096, 100000, 2**31, 0xc0000000])
@pytest.mark.parametrize("amount", [0, 1, 3, 8, 300, 2**32 - 500, 2**31])
def test_dividends_that_wrap_around(library, amount, n):
    t = np.arange(512, dtype=np.int64)
    i = (t - amount) % 2**32
    check(library, "shifted", np.uint32, [amount, n, 512], (i // n, i % n))
    check(library, "guarded", np.uint32, [amount, n, 400], (np.where(t < 400, i // n, 0), np.where(t < 400, i % n, 0)))
    check(library, "twice", np.uint32, [amount, n, 512], (i // 3 // n, i // 3 % n))


def test_a_constant_divisor(library):
    i = (np.arange(512, dtype=np.int64) - 3) % 2**32
    check(library, "by_a_constant", np.uint32, [0, 0, 0], (i // 1000, i % 1000))


@pytest.mark.parametrize("n", [7, 200, 255])
def test_narrow_dividends(library, n):
    t = np.arange(512, dtype=np.int64)
    for amount in (1, 3, 20):
        i = (t - amount) % 65536
        check(library, "narrow", np.uint16, [amount, n * 5], (i // (n * 5), i % (n * 5)))
        i = t * amount % 256
        check(library, "narrowest", np.uint8, [amount, n], (i // n, i % n))
