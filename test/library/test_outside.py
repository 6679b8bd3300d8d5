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
KERNEL(rows_and_columns) {
  int t[2][3] = {{1, 2, 3}, {4, 5, 6}}, s = 0;
  for (int k = 0; k < 4; ++k) s = s * 3 + t[k][(i + k) & 3];
  o[i] = s;
}
KERNEL(matrix) {
  float3x3 m = float3x3(float3(1, 2, 3), float3(4, 5, 6), float3(7, 8, 9));
  float s = 0;
  for (uint k = 0; k < 4; ++k) s += m[k][(i + k) % 3];
  o[i] = int(s);
}
KERNEL(known_range) { int t[4] = {1, 2, 3, int(i)}; o[i] = t[4 + (i & 3)] + t[2 + (i & 3)]; }
KERNEL(chosen_index) {
  int t[4] = {1, 2, 3, int(i)}, k;
  if (i & 1) { k = 5; o[i] = 4; } else k = 2;
  t[k] = 9;
  o[i] = t[k] + 100 * t[2];
}
KERNEL(one_of_two) {
  int a[4] = {1, 2, 3, 4}, b[3] = {9, 8, 7}, s = 0;
  thread int* p = i & 1 ? a : b;
  for (int k = -1; k < 6; ++k) s = s * 2 + p[k];
  for (int k = 0; k < 6; ++k) p[k] = k + int(i);
  for (int k = 0; k < 4; ++k) s = s * 3 + a[k];
  for (int k = 0; k < 3; ++k) s = s * 3 + b[k];
  o[i] = s;
}
KERNEL(walked) {
  int t[4] = {1, 2, 3, int(i)}, s = 0;
  for (thread int* p = t; p < t + 6; ++p) s = s * 2 + *p;
  constant int* q = table + i;
  for (uint k = 0; k < 8; ++k) s = s * 2 + *q--;
  o[i] = s;
}
KERNEL(walked_to_zero) {
  int t[4] = {5, 4, 3, int(i) + 1};
  thread int* p = t;
  while (*p) ++p;
  o[i] = int(p - t);
}
KERNEL(walked_and_written) {
  int t[4] = {1, 2, 3, int(i)}, s = 0;
  thread int* p = t;
  for (int k = 0; k < 6; ++k) *p++ = k * int(i);
  for (int k = 0; k < 4; ++k) s = s * 3 + t[k];
  o[i] = s;
}
KERNEL(table_or_null) {
  constant int* p = nullptr;
  if (i & 1) p = table;
  int s = 0;
  for (int k = 0; k < 7; ++k) s = s * 2 + p[k];
  o[i] = s;
}
KERNEL(variable_or_null) {
  int t[2] = {7, int(i)};
  thread int* p = nullptr;
  if (i & 1) p = t;
  *p = 3;
  p[1] += 4;
  o[i] = t[0] + t[1] * 10;
}
KERNEL(one_of_three) {
  int a[2] = {7, int(i)}, b[3] = {4, 5, 6}, s = 0;
  thread int* p;
  switch (i & 3) {
    case 0: case 1: p = a; break;
    case 2: p = b; break;
    default: p = b + 1;
  }
  for (int k = 0; k < 4; ++k) { s = s * 3 + p[k]; p[k] = k; }
  o[i] = s * 10 + a[0] + b[2];
}
kernel void table_or_buffer(device int* o, constant int* x, uint i [[thread_position_in_grid]]) {
  constant int* p = i & 1 ? table : x + 1;
  int s = 0;
  for (int k = -1; k < 7; ++k) s = s * 2 + p[k];
  o[i] = s;
}
KERNEL(moving) {
  int t[6] = {5, 4, 3, 2, 1, 9}, s = 0;
  for (uint k = i; k < 40; k += uint(t[k % 7]) + 1) s = s * 2 + t[k % 9] * int(k);
  o[i] = s;
}
"""


def at(values, k):
    return values[k] if 0 <= k < len(values) else 0


def joined(factor, values, s=0):
    for each in values:
        s = s * factor + each
    return s


def one_of_two(i):
    a, b = [1, 2, 3, 4], [9, 8, 7]
    p = a if i & 1 else b
    s = joined(2, (at(p, k) for k in range(-1, 6)))
    p[:] = (k + i for k in range(len(p)))
    return joined(3, a + b, s)


def one_of_three(i):
    a, b = [7, i], [4, 5, 6]
    p, first = ((a, 0), (a, 0), (b, 0), (b, 1))[i & 3]
    s = joined(3, [at(p, first + k) for k in range(4)])
    p[first:] = range(len(p) - first)
    return s * 10 + a[0] + b[2]


TABLE = [10, 20, 30, 40, 50]


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
    "rows_and_columns": lambda i: joined(3, (at([1, 2, 3, 4, 5, 6], 3 * k + (i + k & 3)) for k in range(4))),
    "matrix": lambda i: sum((1, 2, 3, 4, 5, 6, 7, 8, 9)[3 * k + (i + k) % 3] for k in range(3)),
    "known_range": lambda i: at([1, 2, 3, i], 2 + (i & 3)),
    "chosen_index": lambda i: 300 if i & 1 else 909,
    "one_of_two": one_of_two,
    "walked": lambda i: joined(2, [at(TABLE, i - k) for k in range(8)], joined(2, (1, 2, 3, i, 0, 0))),
    "walked_to_zero": lambda i: 4,
    "walked_and_written": lambda i: joined(3, (k * i for k in range(4))),
    "table_or_null": lambda i: joined(2, [*TABLE, 0, 0]) if i & 1 else 0,
    "variable_or_null": lambda i: 3 + (i + 4) * 10 if i & 1 else 7 + i * 10,
    "one_of_three": one_of_three,
    "table_or_buffer": lambda i: joined(2, [0, *TABLE, 0, 0] if i & 1 else [1, 2, 3, 4, 0, 0, 0, 0]),
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
    others = [np.arange(1, 5, dtype=np.int32)] if kernel == "table_or_buffer" else []
    library.kernel(kernel)(o, *others, grid=40, threadgroup=40 if kernel == "local" else threads)
    np.testing.assert_array_equal(o, [WANTED[kernel](i) for i in range(40)])
