"""Threads that go along rows of their own: by pieces as long as a register, and what is left over one by one."""

import functools

import pytest

np = pytest.importorskip("numpy")

TEXT = """#include <metal_stdlib>
using namespace metal;
#define INSTANCES(T, A) \\
  template [[host_name("dot_" #T)]] kernel void dot<T, A>(const device T*, const device T*, device A*, constant int&, constant int&, uint); \\
  template [[host_name("greatest_" #T)]] kernel void greatest<T, A>(const device T*, const device T*, device A*, constant int&, constant int&, uint); \\
  template [[host_name("fours_" #T)]] kernel void fours<T, A>(const device T*, const device T*, device A*, constant int&, constant int&, uint);
template <typename T, typename A> kernel void dot(const device T* w, const device T* x, device A* y, constant int& K, constant int& N, uint i [[thread_position_in_grid]]) {
  A s = 0;
  for (uint k = 0; k < uint(K); ++k) s += A(w[i * K + k]) * A(x[k]);
  y[i] = s;
}
template <typename T, typename A> kernel void greatest(const device T* w, const device T* x, device A* y, constant int& K, constant int& N, uint i [[thread_position_in_grid]]) {
  if (int(i) >= N) return;
  const device T* row = w + int(i) * K;
  A s = A(row[0]);
  for (int k = 1; k < K; ++k) s = max(s, A(row[k]));
  y[i] = s;
}
template <typename T, typename A> kernel void fours(const device T* w, const device T* x, device A* y, constant int& K, constant int& N, uint i [[thread_position_in_grid]]) {
  const device vec<T, 4>* row = (const device vec<T, 4>*)(w + i * (K & ~3));
  A s = 0;
  for (int k = 0; k < K / 4; ++k) { const vec<T, 4> v = row[k]; s += A(v.x) + 2 * A(v.y) + 3 * A(v.z) + 4 * A(v.w); }
  y[i] = s;
}
INSTANCES(char, int) INSTANCES(ushort, int) INSTANCES(int, int) INSTANCES(half, float) INSTANCES(float, float)
kernel void outside(const device int* w, device int* y, constant int& K, constant int& first, uint i [[thread_position_in_grid]]) {
  int s = 0;
  for (int k = 0; k < K; ++k) s += w[first + int(i) * K + k] * (k + 1);
  y[i] = s;
}
kernel void where_asked(const device int* w, const device int* x, device int* y, constant int& K, uint i [[thread_position_in_grid]]) {
  int s = 0;
  for (int k = 0; k < K; ++k) if (x[i * K + k] > 4) s += w[i * K + k];
  y[i] = s;
}
kernel void of_each_row(const device int* w, device int* y, constant int& K, uint2 p [[thread_position_in_grid]]) {
  int s = 0;
  for (int k = 0; k < K; ++k) s += w[p.y * K + k] * w[p.x * K + k];
  y[p.y * 40 + p.x] = s;
}
"""
TYPES = {"char": np.int8, "ushort": np.uint16, "int": np.int32, "half": np.float16, "float": np.float32}


@functools.cache
def library():
    import anymetal

    return anymetal.Library(TEXT, math_mode="safe")


def numbers(*shape, type_=np.int32, seed=1):
    return np.random.default_rng(seed).integers(0, 9, shape).astype(type_)


@pytest.mark.parametrize("threads", [32, 33, 256])
@pytest.mark.parametrize("columns", [1, 4, 15, 16, 33, 71])
@pytest.mark.parametrize("name", TYPES)
def test_pieces_and_what_is_left_over(name, columns, threads):
    rows = 100
    w, x = numbers(rows, columns, type_=TYPES[name]), numbers(columns, type_=TYPES[name], seed=2)
    all_ = w.astype(np.int64)
    fours = w.reshape(-1)[: rows * (columns & ~3)].reshape(rows, -1, 4).astype(np.int64) @ np.arange(1, 5)
    for kernel, want in (("dot", all_ @ x.astype(np.int64)), ("greatest", all_.max(1)), ("fours", fours.sum(1))):
        y = np.zeros(rows, np.float32 if name in ("half", "float") else np.int32)
        library().kernel(f"{kernel}_{name}")(w, x, y, np.int32(columns), np.int32(rows), grid=rows, threadgroup=threads)
        np.testing.assert_array_equal(y, want, kernel)


@pytest.mark.goes_on_outside
@pytest.mark.parametrize("first", [-700, -21, -1, 0, 1, 21, 700])
def test_pieces_that_are_outside_in_part_are_zeros_there(first):
    rows, columns = 70, 21
    w, y = numbers(rows * columns) + 1, np.zeros(rows, np.int32)
    library().kernel("outside")(w, y, np.int32(columns), np.int32(first), grid=rows, threadgroup=64)
    at = first + np.arange(rows * columns)
    inside = np.where((at >= 0) & (at < w.size), w[np.clip(at, 0, w.size - 1)], 0)
    np.testing.assert_array_equal(y, inside.reshape(rows, columns) @ np.arange(1, columns + 1))


def test_elements_that_not_all_lanes_read():
    rows, columns = 70, 37
    w, x, y = numbers(rows, columns), numbers(rows, columns, seed=2), np.zeros(rows, np.int32)
    library().kernel("where_asked")(w, x, y, np.int32(columns), grid=rows, threadgroup=64)
    np.testing.assert_array_equal(y, np.where(x > 4, w, 0).sum(1))


@pytest.mark.parametrize("threadgroup", [(40, 1), (8, 4), (16, 16), (40, 8)])
def test_rows_of_two_kinds(threadgroup):
    w, y = numbers(40, 50), np.zeros((40, 40), np.int32)
    library().kernel("of_each_row")(w, y, np.int32(50), grid=(40, 40), threadgroup=threadgroup)
    np.testing.assert_array_equal(y, w @ w.T)
