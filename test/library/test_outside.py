"""Accesses outside of variables and tables of a kernel: reads give 0, writes are dropped, and all else goes on."""

import pytest

np = pytest.importorskip("numpy")

TEXT = """#include <metal_stdlib>
using namespace metal;
constant int one[1] = {7};
constant int table[5] = {10, 20, 30, 40, 50};
constant float4 rows[1] = {float4(1, 2, 3, 4)};
struct Three { int a[3]; };
#define KERNEL(name) kernel void name(device int* o, uint i [[thread_position_in_grid]])
KERNEL(sums) {
  int t[4] = {1, 2, 3, int(i)}, s = 0;
  for (int k = -1; k < 6; ++k) s += t[k];
  o[i] = s;
}
KERNEL(writes) {
  int t[4] = {1, 2, 3, int(i)}, s = 0;
  for (int k = 0; k < 6; ++k) t[k] = k + int(i);
  for (int k = 0; k < 6; ++k) s += t[k];
  o[i] = s;
}
KERNEL(constants) {
  int s = 0;
  for (int k = 0; k < 8; ++k) s += table[k];
  o[i] = s + int(i);
}
KERNEL(components) {
  float4 v = float4(i, 2, 3, 4);
  float s = 0;
  for (int k = 0; k < 6; ++k) s += v[k];
  o[i] = int(s);
}
KERNEL(members) {
  Three three = {{1, 2, int(i)}};
  int s = 0;
  for (int k = 0; k < 5; ++k) s += three.a[k];
  o[i] = s;
}
KERNEL(other_element) { int t[1] = {7}; t[i] = 9; o[i] = t[0]; }
KERNEL(pairs) { int2 t[1] = {int2(3, 4)}; t[i] = int2(5, 6); o[i] = t[0].x + t[i].y * 10; }
KERNEL(nested) { Three t[1] = {{{1, 2, 3}}}; t[i].a[1] = 7; o[i] = t[0].a[1] + t[i].a[0] * 100; }
KERNEL(local) { int t[1] = {o[0] + 8}; threadgroup_barrier(mem_flags::mem_device); o[i] = t[i]; }
KERNEL(single) { o[i] = one[i] + int(rows[i].y) * 100; }
KERNEL(compared) { o[i] = table[i] == 0; }
KERNEL(greater) { o[i] = table[i] > 25; }
KERNEL(searched) { uint j = 0; while (table[j] != 0) ++j; o[i] = int(j + i); }
KERNEL(left_in_the_middle) {
  int t[6] = {5, 4, 3, 2, 1, 9}, s = 0;
  for (uint k = i; k < 12; ++k) {
    int v = t[k];
    if (v == 0) break;
    s += v;
  }
  o[i] = s;
}
KERNEL(moving) {
  int t[6] = {5, 4, 3, 2, 1, 9}, s = 0;
  for (uint k = i; k < 40; k += uint(t[k % 7]) + 1) s = s * 2 + t[k % 9] * int(k);
  o[i] = s;
}
"""


def moving(i):
    t, s, k = [5, 4, 3, 2, 1, 9, 0, 0, 0], 0, i
    while k < 40:
        s = s * 2 + t[k % 9] * k
        k += t[k % 7] + 1
    return s


WANTED = {
    "sums": lambda i: 6 + i,
    "writes": lambda i: 6 + 4 * i,
    "constants": lambda i: 150 + i,
    "components": lambda i: 9 + i,
    "members": lambda i: 3 + i,
    "other_element": lambda i: 9 if i == 0 else 7,
    "pairs": lambda i: 65 if i == 0 else 3,
    "nested": lambda i: 107 if i == 0 else 2,
    "local": lambda i: 7 if i == 0 else 0,
    "single": lambda i: 207 if i == 0 else 0,
    "compared": lambda i: int(i > 4),
    "greater": lambda i: int(i in (2, 3, 4)),
    "searched": lambda i: 5 + i,
    "left_in_the_middle": lambda i: sum((5, 4, 3, 2, 1, 9)[i:]),
    "moving": moving,
}


@pytest.fixture(scope="module")
def library():
    import anymetal

    return anymetal.Library(TEXT)


@pytest.mark.goes_on_outside
@pytest.mark.parametrize("threads", [8, 40])
@pytest.mark.parametrize("kernel", WANTED)
def test_outside_of_variables_and_tables(library, kernel, threads):
    o = np.full(40, -1, np.int32)
    library.kernel(kernel)(o, grid=40, threadgroup=40 if kernel == "local" else threads)
    np.testing.assert_array_equal(o, [WANTED[kernel](i) for i in range(40)])
