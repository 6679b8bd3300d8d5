"""Critical sections: what a thread changes under a lock, or in a turn of its own, the next one sees."""

import re

import pytest

np = pytest.importorskip("numpy")

TEXT = """#include <metal_stdlib>
using namespace metal;
#define TAKE atomic_exchange_explicit(&lock, 1, memory_order_relaxed) == 0
#define GIVE atomic_store_explicit(&lock, 0, memory_order_relaxed)
#define BARRIER threadgroup_barrier(mem_flags::mem_threadgroup | mem_flags::mem_device);
#define KERNEL(name) kernel void name(device const int* a, device int* o, device const int* at, uint lid [[thread_index_in_threadgroup]], uint lane [[thread_index_in_simdgroup]])
#define SHARED threadgroup atomic_int lock; threadgroup int t[8]; bool done = false; const int v = a[lid]; \\
  if (lid < 8) t[lid] = 0; if (lid == 0) GIVE; BARRIER
#define WRITE BARRIER if (lid < 8) o[lid] = t[lid];
#define LOCKED(...) while (!done) { if (TAKE) { __VA_ARGS__; GIVE; done = true; } }
struct Top { int best[4]; void add(int x) threadgroup { for (int j = 0; j < 4; ++j) if (x > best[j]) { int y = best[j]; best[j] = x; x = y; } } };
struct Best { int v, i; };
KERNEL(sums) { SHARED LOCKED(for (int j = 0; j < 4; ++j) t[j] += v + j) WRITE }
KERNEL(sums_and_break) { SHARED for (;;) { if (TAKE) { for (int j = 0; j < 4; ++j) t[j] += v + j; GIVE; break; } } WRITE }
KERNEL(sums_of_vectors) {
  threadgroup float4 f;
  SHARED if (lid == 0) f = 0; BARRIER
  LOCKED(for (int j = 0; j < 4; ++j) f[j] += v + j)
  BARRIER if (lid < 4) t[lid] = int(f[lid]); WRITE
}
KERNEL(sums_by_two_loops) { SHARED LOCKED(for (int j = 0; j < 2; ++j) for (int k = 0; k < 2; ++k) t[2 * j + k] += v + 2 * j + k) WRITE }
KERNEL(sums_through_a_pointer) { threadgroup int* p; SHARED p = t; LOCKED(for (int j = 0; j < 4; ++j) p[j] += v + j) WRITE }
KERNEL(sums_of_each_lane) {
  SHARED
  if (lid < 32) for (uint k = 0; k < 32; ++k) { const uint first = simd_min(done ? 99u : lane); if (lane == first) { for (int j = 0; j < 4; ++j) t[j] += v + j; done = true; } }
  WRITE
}
KERNEL(chosen) { SHARED LOCKED(*(v & 1 ? &t[0] : &t[1]) += v) WRITE }
KERNEL(greatest) { SHARED LOCKED(int x = v; for (int j = 0; j < 4; ++j) if (x > t[j]) { int y = t[j]; t[j] = x; x = y; }) WRITE }
KERNEL(greatest_by_a_method) {
  threadgroup Top top;
  SHARED if (lid < 4) top.best[lid] = 0; BARRIER
  LOCKED(top.add(v))
  BARRIER if (lid < 4) t[lid] = top.best[lid]; WRITE
}
KERNEL(checked_twice) { SHARED if (v > t[0]) { LOCKED(if (v > t[0]) { t[0] = v; t[1] = int(lid); }) } WRITE }
KERNEL(checked_twice_in_a_buffer) {
  device Best* best = (device Best*)o;
  const Best mine = {a[lid], int(lid)};
  threadgroup atomic_int lock;
  bool done = false;
  if (lid == 0) GIVE; BARRIER
  if (mine.v > best->v) { LOCKED(if (mine.v > best->v) *best = mine) }
}
KERNEL(checked_twice_at_a_place) { SHARED if (v > t[clamp(v / 100, 2, 5)]) { LOCKED(int k = clamp(v / 100, 2, 5); if (v > t[k]) t[k] = v) } WRITE }
KERNEL(checked_twice_where_a_buffer_says) { SHARED if (v > t[at[lid]]) { LOCKED(if (v > t[at[lid]]) t[at[lid]] = v) } WRITE }
"""


def expected(kernel, v, at):
    o = np.zeros(8, np.int32)
    if kernel == "sums_of_each_lane":
        v = v[:32]
    if kernel.startswith("sums"):
        o[:4] = v.sum() + len(v) * np.arange(4)
    elif kernel == "chosen":
        o[:2] = v[v % 2 == 1].sum(), v[v % 2 == 0].sum()
    elif kernel.startswith("greatest"):
        o[:4] = np.sort(v)[::-1][:4]
    elif kernel in ("checked_twice", "checked_twice_in_a_buffer"):
        o[:2] = v.max(), v.argmax()
    else:
        np.maximum.at(o, at if kernel.endswith("says") else np.clip(v // 100, 2, 5), v)
    return o


@pytest.mark.parametrize("bounds", ["robust", "off"])
@pytest.mark.parametrize("threads", [8, 32, 33, 100])
@pytest.mark.parametrize("kernel", re.findall(r"^KERNEL\((\w+)\)", TEXT, re.MULTILINE))
def test_each_thread_sees_what_the_one_before_wrote(kernel, threads, bounds, monkeypatch):
    import anymetal

    monkeypatch.setenv("ANYMETAL_BOUNDS", bounds)
    v = (np.arange(threads, dtype=np.int32) * 7919 + 5) % 1000
    at = v % 5
    o = np.zeros(8, np.int32)
    anymetal.Library(TEXT, math_mode="safe").kernel(kernel)(v, o, at, grid=threads, threadgroup=threads)
    np.testing.assert_array_equal(o, expected(kernel, v, at))


BETWEEN_THREADGROUPS = """#include <metal_stdlib>
using namespace metal;
struct Shared { atomic_int lock; int count; int more[6]; };
#define TAKEN atomic_exchange_explicit(&s->lock, 1, memory_order_relaxed)
#define GIVE atomic_store_explicit(&s->lock, 0, memory_order_relaxed)
kernel void waits(device Shared* s, constant int& n, uint lid [[thread_position_in_threadgroup]]) {
  if (lid == 0) for (int i = 0; i < n; ++i) { while (TAKEN) {} s->count += 1; GIVE; }
}
kernel void waits_once_at_least(device Shared* s, constant int& n, uint lid [[thread_position_in_threadgroup]]) {
  if (lid == 0) for (int i = 0; i < n; ++i) { int other; do { other = TAKEN; } while (other != 0); s->count += 1; GIVE; }
}
kernel void looks_before(device Shared* s, constant int& n, uint lid [[thread_position_in_threadgroup]]) {
  if (lid == 0) for (int i = 0; i < n;) { if (s->count < 0) break; if (TAKEN == 0) { s->count += 1; i++; GIVE; } }
}
"""


@pytest.mark.parametrize("bounds", ["robust", "off"])
@pytest.mark.parametrize("kernel", ["waits", "waits_once_at_least", "looks_before"])
def test_threadgroups_see_what_others_wrote_under_the_lock(kernel, bounds, monkeypatch):
    """The lock lies beside the data: to LLVM the two have nothing to do with each other."""
    import anymetal

    monkeypatch.setenv("ANYMETAL_BOUNDS", bounds)
    threadgroups, turns, threads = 8, 50_000, 33
    shared = np.zeros(8, np.int32)
    anymetal.Library(BETWEEN_THREADGROUPS).kernel(kernel)(shared, np.int32(turns), grid=threadgroups * threads, threadgroup=threads)
    assert shared[1] == threadgroups * turns
