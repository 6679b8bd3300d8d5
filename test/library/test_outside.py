"""Accesses outside of variables and tables of a kernel: reads give 0, writes are dropped, and all else goes on."""

import os
import subprocess
import sys
from pathlib import Path

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
#define INDEXED(name) kernel void name(device int* o, device const int* c, uint i [[thread_position_in_grid]])
#define TWO Six t[2]; for (int j = 0; j < 12; ++j) t[j / 6].a[j % 6] = 1000 + j;
struct Six { int a[6]; };
struct Thirty { int a[30]; };
struct Far { int before[40000000]; int y; };
int fifth() { int t[4] = {1, 2, 3, 4}; return t[4]; }
KERNEL(constant_index) { int t[4] = {1, 2, 3, int(i)}; o[i] = t[4] + t[3] * 10; }
KERNEL(constant_index_of_a_function) { o[i] = fifth() + 1; }
KERNEL(constant_index_of_a_component) { int2 v = int(i); o[i] = ((thread int*)&v)[2] + v.x; }
KERNEL(constant_pointer) { int t[2] = {1, int(i)}; thread int* p = i & 1 ? &t[2] : &t[1]; o[i] = *p + 1; }
KERNEL(constant_write) { int t[2] = {1, int(i)}; t[2] = 9; t[-1] = 8; o[i] = t[0] + t[1]; }
KERNEL(constant_copy) { TWO Six u = t[2]; o[i] = u.a[1] + t[1].a[i % 6]; }
INDEXED(copied) { TWO Six u = t[c[i]]; o[i] = u.a[i % 6]; }
INDEXED(copied_twice) { TWO Six u = t[c[i]]; u = t[2 + (i & 1)]; o[i] = u.a[i % 6]; }
INDEXED(copied_in_a_loop) { TWO Six u; int s = 0; for (int j = 0; j < 4; ++j) { u = t[j]; s = s * 2 + u.a[i % 6]; } o[i] = s; }
INDEXED(written_copy) {
  Six one, u;
  for (int j = 0; j < 6; ++j) { one.a[j] = j + 1; u.a[j] = 100 + j; }
  (&one)[c[i]] = u;
  o[i] = one.a[i % 6];
}
INDEXED(cleared) {
  Thirty one;
  for (int j = 0; j < 30; ++j) one.a[j] = j + 1;
  (&one)[c[i]] = Thirty{};
  o[i] = one.a[i % 30];
}
INDEXED(chosen_copy) { TWO Six one = {{7, 8, 9}}, u; thread Six* p = i & 1 ? t : &one; u = p[c[i]]; o[i] = u.a[i % 3]; }
INDEXED(index_in_a_condition) { if (c[i] == 7) o[i] = table[c[i]] + 5; else o[i] = 9; }
INDEXED(index_of_a_case) { switch (c[i]) { case 5: o[table[c[i]] + i] = 6; break; default: o[i] = table[c[i]]; } }
INDEXED(index_with_known_bits) { o[i] = table[((c[i] & 3) >> 2) + 9] + 1; }
INDEXED(index_from_shared_memory) {
  threadgroup int shared[40];
  shared[i % 40] = 7;
  o[i] = table[shared[i % 40]] + 1;
}
INDEXED(chosen_and_compared) { int v = (i & 1) ? table[c[i]] : 3; o[i] = v > 5 ? 100 : 200; }
INDEXED(stored_and_compared) {
  int a[3] = {table[c[i]], 4, 90}, s = 0;
  for (int j = 0; j < 3; ++j) if (a[j] > 5) s += 1 << j;
  o[i] = s;
}
INDEXED(reversed_and_compared) { o[i] = reverse_bits(uint(table[c[i]])) != 0 ? 1 : 2; }
INDEXED(through_null) { thread int* p = nullptr; if (c[i] == 7) *p = 3; o[i] = *p + 1; }
INDEXED(before_null) { o[i] = ((thread int*)nullptr)[-1] + ((device int*)nullptr)[-1] + ((threadgroup int*)nullptr)[c[i]] + 1; }
INDEXED(all_of_a_variable) { int x = int(i) + 1000; *(thread int*)((thread char*)&x + 4 * c[i]) = 5; o[i] = x; }
INDEXED(field_far_behind) { int x = int(i); ((thread Far*)&x)[c[i]].y = 7; o[i] = x + ((thread Far*)&x)[c[i]].y; }
int element(constant int* p, int k) { return p[k] + 1; }
bool is_zero(constant int* p, int k) { return p[k] == 0; }
KERNEL(constant_of_a_table) { o[i] = table[5] + table[-1] + int(i); }
KERNEL(constant_in_a_function) { o[i] = element(table, 5) + element(one, 1) * 10 + is_zero(table, int(i & 1) + 4) * 100; }
KERNEL(constant_turns) { int s = 0; for (int k = 0; k < table[9] + 3; ++k) s += k; o[i] = s; }
INDEXED(one_of_two_writes) { int a[2] = {}; int k = c[i] > 4; a[k + 1] = 7; o[i] = k + a[1] * 10; }
INDEXED(write_by_its_own_store) { int a[2] = {}; o[i] = c[i] > 4 ? 2 : 1; a[o[i]] = 7; o[i] = a[1]; }
KERNEL(write_by_a_quotient) { int a[2] = {}; a[i / 20 + 1] = 7; o[i] = a[1]; }
INDEXED(one_of_two_reads) { int a[2] = {3, 4}; o[i] = a[c[i] > 3 ? 2L : 1L] + 5; }
INDEXED(one_of_two_long_writes) { int a[2] = {3, 4}; a[c[i] > 3 ? 2L : 1L] = 7; o[i] = a[0] + a[1] * 10; }
INDEXED(two_long_indices) { long k = 1; if (c[i] > 3) k = 2; int a[1] = {3}; o[i] = a[k] + 5; }
INDEXED(four_long_indices) {
  int a[2] = {3, 4};
  long k = 1;
  switch (c[i]) { case 1: k = 2; break; case 2: k = 3; break; case 3: k = 0; }
  o[i] = a[k] + 5;
  a[k] = 8;
  o[i] += a[1] * 10;
}
struct Node { int value; thread Node* next; };
struct Rows { threadgroup int* p; int n; };
KERNEL(behind_one) { int v = i; thread int* p = &v; o[i] = p[1] + 1 + 10 * p[0]; }
KERNEL(captured) { int a[2] = {int(i), 7}; auto f = [&](int k) { return a[k]; }; o[i] = f(2) + 10 * f(0) + f(-1); }
KERNEL(by_reference) { Six t = {{1, 2, 3, 4, 5, int(i)}}; thread Six& r = t; thread int* p = r.a; o[i] = p[6] + p[5]; }
KERNEL(array_of_pointers) {
  int a[2] = {int(i), 7}, b[2] = {3, 9}, s = 0;
  thread int* rows[2] = {a, b};
  for (int k = 0; k < 2; ++k) s = s * 3 + rows[k][k + 1];
  o[i] = s + rows[1][1] * 100;
}
INDEXED(row_of_a_condition) {
  int a[2] = {5, 7}, b[2] = {3, 9};
  thread int* rows[2] = {a, b};
  const int k = c[i];
  if (k == 1) o[i] = rows[k][k + 1] + 1; else o[i] = rows[0][1];
}
KERNEL(array_of_tables) { constant int* rows[2] = {table, one}; int s = 0; for (int k = 0; k < 2; ++k) s = s * 3 + rows[k][k]; o[i] = s; }
KERNEL(list) {
  Node nodes[3] = {{1, nullptr}, {2, nullptr}, {3, nullptr}};
  for (int k = 0; k < 3; ++k) nodes[k].next = nodes + k + 1;
  int s = 0;
  thread Node* p = nodes;
  for (int k = 0; k < 4; ++k) { s = s * 5 + p->value; p = p->next; }
  o[i] = s;
}
KERNEL(shared_rows) {
  threadgroup int g[8], h[8];
  g[i % 8] = int(i % 8);
  h[i % 8] = int(i % 8) * 10;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  threadgroup int* rows[2] = {g, h};
  Rows all = {h, 2};
  o[i] = rows[0][i % 8] + rows[i & 1][3] * 100 + all.p[i % 8 ^ 1] * 10000 + all.n;
}
INDEXED(shared_copies) {
  threadgroup Six g[2];
  if (i % 8 == 0) { TWO g[0] = t[0]; g[1] = t[1]; g[0] = g[c[i]]; g[c[i] - 2] = g[1]; }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  o[i] = g[i & 1].a[i % 6];
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


C = [7, 0, 1, 5, -1, 4, 2, 3] * 5


def pair(k, at):
    return 1000 + 6 * k + at if k in (0, 1) else 0


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
    "constant_index": lambda i: i * 10,
    "constant_index_of_a_function": lambda i: 1,
    "constant_index_of_a_component": lambda i: i,
    "constant_pointer": lambda i: 1 if i & 1 else i + 1,
    "constant_write": lambda i: 1 + i,
    "constant_copy": lambda i: 1006 + i % 6,
    "copied": lambda i: pair(C[i], i % 6),
    "copied_twice": lambda i: 0,
    "copied_in_a_loop": lambda i: joined(2, (pair(j, i % 6) for j in range(4))),
    "written_copy": lambda i: (100 if C[i] == 0 else 1) + i % 6,
    "cleared": lambda i: 0 if C[i] == 0 else 1 + i % 30,
    "chosen_copy": lambda i: pair(C[i], i % 3) if i & 1 else 7 + i % 3 if C[i] == 0 else 0,
    "index_in_a_condition": lambda i: 5 if C[i] == 7 else 9,
    "index_of_a_case": lambda i: 6 if C[i] == 5 else at(TABLE, C[i]),
    "index_with_known_bits": lambda i: 1,
    "index_from_shared_memory": lambda i: 1,
    "chosen_and_compared": lambda i: 100 if i & 1 and at(TABLE, C[i]) else 200,
    "stored_and_compared": lambda i: 4 + int(at(TABLE, C[i]) > 5),
    "reversed_and_compared": lambda i: 1 if at(TABLE, C[i]) else 2,
    "through_null": lambda i: 1,
    "before_null": lambda i: 1,
    "all_of_a_variable": lambda i: 5 if C[i] == 0 else 1000 + i,
    "field_far_behind": lambda i: i,
    "constant_of_a_table": lambda i: i,
    "constant_in_a_function": lambda i: 11 + (i & 1) * 100,
    "constant_turns": lambda i: 3,
    "one_of_two_writes": lambda i: 1 if C[i] > 4 else 70,
    "write_by_its_own_store": lambda i: 0 if C[i] > 4 else 7,
    "write_by_a_quotient": lambda i: 7 if i < 20 else 0,
    "one_of_two_reads": lambda i: 5 if C[i] > 3 else 9,
    "one_of_two_long_writes": lambda i: 43 if C[i] > 3 else 73,
    "two_long_indices": lambda i: 5,
    "four_long_indices": lambda i: 45 if C[i] in (1, 2) else 48 if C[i] == 3 else 89,
    "behind_one": lambda i: 1 + 10 * i,
    "captured": lambda i: 10 * i,
    "by_reference": lambda i: i,
    "array_of_pointers": lambda i: 921,
    "row_of_a_condition": lambda i: 1 if C[i] == 1 else 7,
    "array_of_tables": lambda i: 30,
    "list": lambda i: 190,
    "shared_rows": lambda i: i % 8 + (30 if i & 1 else 3) * 100 + (i % 8 ^ 1) * 100000 + 2,
    "shared_copies": lambda i: 0 if i & 1 == 0 else 1006 + i % 6,
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
    if f"INDEXED({kernel})" in TEXT:
        others = [np.array(C, np.int32)]
    library.kernel(kernel)(o, *others, grid=40, threadgroup=40 if kernel == "local" else threads)
    np.testing.assert_array_equal(o, [WANTED[kernel](i) for i in range(40)])


ERRORS = {
    "constant_of_a_table": "read outside constant 'table'",
    "constant_in_a_function": "read outside constant 'table'",
    "constant_index": "read outside variable 't'",
    "constant_write": "write outside variable 't'",
    "constant_copy": "read outside variable 't'",
    "one_of_two_reads": "read outside variable 'a'",
    "two_long_indices": "read outside variable 'a'",
    "through_null": "follows a pointer that leads nowhere",
}


def check_errors():
    import anymetal

    library = anymetal.Library(TEXT)
    for kernel, message in ERRORS.items():
        o, c = np.zeros(40, np.int32), [np.array(C, np.int32)]
        with pytest.raises(anymetal.KernelError, match=message):
            library.kernel(kernel)(o, *c[: f"INDEXED({kernel})" in TEXT], grid=40, threadgroup=8)


def test_errors_name_what_was_left():
    there = {**os.environ, "ANYMETAL_EXECUTOR": "reference", "ANYMETAL_BOUNDS": "error"}
    done = subprocess.run([sys.executable, str(Path(__file__))], env=there, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


if __name__ == "__main__":
    check_errors()


SIZES = """#include <metal_stdlib>
using namespace metal;
kernel void last_word(device const uchar* a, constant uint& n, device uint* o, uint t [[thread_position_in_grid]]) {
  device const uchar* p = a + t * 4;
  uint s = *(device const uint*)p;
  if (t * 4 + 4 > n) {
    s = p[0];
    for (uint k = 1; k < 4; ++k) if (t * 4 + k < n) s |= uint(p[k]) << (8 * k);
  }
  o[t] = s;
}
kernel void byte_then_word(device uchar* o, constant uint* a, uint t [[thread_position_in_grid]]) {
  device uchar* p = o + t * 4;
  p[0] = uchar(a[t]);
  *(device uint*)p = a[t];
}
kernel void word_then_byte(device uchar* o, constant uint* a, uint t [[thread_position_in_grid]]) {
  device uchar* p = o + t * 4;
  *(device uint*)p = a[t];
  p[0] = uchar(a[t]);
}
kernel void records(device const uchar* a, device const uint* first, device uint* o, uint t [[thread_position_in_grid]]) {
  device const uchar* p = a + first[t];
  uint size = 0;
  if (*(device const uint*)p == 0x21474154u) { size = *(device const uint*)(p + 4); p += 8; }
  o[t] = *p + (size << 8);
}
struct Pair { float re, im; };
kernel void part_then_pair(device Pair* o, constant Pair* p, uint t [[thread_position_in_grid]]) { o[t].re = 7; o[t] = p[t]; }
kernel void shifted(device const half* a, constant ulong& first, device half* o, uint t [[thread_position_in_threadgroup]]) {
  threadgroup half all[64];
  threadgroup half* tile = all - first;
  tile[first + t] = a[t];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  o[t] = tile[first + ulong(t * t * 5 % 64)];
}
kernel void counted(device const int* n, device int* o, uint t [[thread_position_in_threadgroup]]) {
  threadgroup atomic_int all[64];
  atomic_store_explicit(&all[t], 0, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  threadgroup atomic_int* p = all + n[0];
  atomic_fetch_add_explicit(&p[n[1] + int(t * 7 % 64)], int(t), memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  o[t] = atomic_load_explicit(&all[t * 7 % 64], memory_order_relaxed);
}
"""


@pytest.mark.goes_on_outside
@pytest.mark.parametrize("threads", [3, 35])
def test_bytes_inside_of_words_that_are_outside_in_part(threads):
    """A word that sticks out is outside; a byte of it that is read or written by itself isn't."""
    import anymetal

    library = anymetal.Library(SIZES)
    n = threads * 4 - 1
    a, o = np.arange(1, n + 1).astype(np.uint8), np.zeros(threads, np.uint32)
    library.kernel("last_word")(a, np.array([n], np.uint32), o, grid=threads, threadgroup=32)
    np.testing.assert_array_equal(o, np.append(a, np.uint8(0)).view(np.uint32))
    for kernel in ("byte_then_word", "word_then_byte"):
        o = np.zeros(n, np.uint8)
        library.kernel(kernel)(o, np.append(a, np.uint8(0)).view(np.uint32), grid=threads, threadgroup=32)
        np.testing.assert_array_equal(o[: n - 2], a[: n - 2])
    pairs = np.zeros(2 * threads - 1, np.float32)
    library.kernel("part_then_pair")(pairs, np.full(2 * threads, 3, np.float32), grid=threads, threadgroup=32)
    np.testing.assert_array_equal(pairs[:-1], 3)
    assert pairs[-1] in (3, 7)  # the copy is outside in part


@pytest.mark.goes_on_outside
def test_bytes_behind_words_that_two_ways_read():
    """A record is "TAG!", its size and a byte, or a byte alone: the last words stick out, and their bytes don't."""
    import anymetal

    records = [b"a", b"TAG!\x05\0\0\0b", b"c", b"d", b"TAG!\x07\0\0\0e", b"f", b"g"]
    first = np.cumsum([0, *(len(record) for record in records[:-1])]).astype(np.uint32)
    o = np.zeros(len(records), np.uint32)
    anymetal.Library(SIZES).kernel("records")(np.frombuffer(b"".join(records), np.uint8).copy(), first, o, grid=len(records), threadgroup=32)
    np.testing.assert_array_equal(o, [record[-1] + (record[4] << 8 if len(record) > 1 else 0) for record in records])


@pytest.mark.parametrize("first", [100, 1 << 29, (1 << 30) + 5, 3 << 30])
def test_threadgroup_memory_by_pointers_from_far_away(first):
    import anymetal

    library, t = anymetal.Library(SIZES), np.arange(64)
    a, o = t.astype(np.float16), np.zeros(64, np.float16)
    library.kernel("shifted")(a, np.array([first], np.uint64), o, grid=64, threadgroup=64)
    np.testing.assert_array_equal(o, t * t * 5 % 64)
    counts, near = np.zeros(64, np.int32), min(first, 1 << 30)
    library.kernel("counted")(np.array([near, -near], np.int32), counts, grid=64, threadgroup=64)
    np.testing.assert_array_equal(counts, t)
