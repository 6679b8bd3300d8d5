"""Loops whose lanes leave them one by one: what is done in a turn is done before the others go on."""

import pytest

np = pytest.importorskip("numpy")

TEXT = """#include <metal_stdlib>
using namespace metal;
#define KERNEL(name) kernel void name(device const int* a, device int* o, device atomic_int* n, uint i [[thread_position_in_grid]], uint lane [[thread_index_in_simdgroup]])
#define LOAD(at) atomic_load_explicit(&(at), memory_order_relaxed)
#define STORE(at, x) atomic_store_explicit(&(at), x, memory_order_relaxed)
#define SWAP(at, x) atomic_exchange_explicit(&(at), x, memory_order_relaxed)
#define ADD(at, x) atomic_fetch_add_explicit(&(at), x, memory_order_relaxed)
KERNEL(keys) {
  int key = a[i] & 3, r = 0, c, done = 0;
  do { c = simd_broadcast_first(key); if (key == c) { r = simd_sum(1); done = 1; } } while (!done);
  o[i] = r;
}
KERNEL(keys_and_a_question) {
  int key = a[i] & 3, r = 0;
  bool done = false;
  for (;;) { int c = simd_broadcast_first(key); if (key == c) { r = simd_sum(1); done = true; } if (done) break; }
  o[i] = r;
}
KERNEL(keys_in_the_condition) {
  int key = a[i] & 3, r = 0, c = -1;
  do { c = simd_broadcast_first(key); } while (key != c || (r = simd_sum(1), false));
  o[i] = r;
}
KERNEL(lock) {
  bool done = false;
  int r = 0;
  do { if (SWAP(n[0], 1) == 0) { r = ADD(n[1], 1); STORE(n[0], 0); done = true; } } while (!done);
  o[i] = r;
}
KERNEL(lock_and_a_question) {
  bool done = false;
  int r = 0;
  for (;;) { if (SWAP(n[0], 1) == 0) { r = ADD(n[1], 1); STORE(n[0], 0); done = true; } if (done) break; }
  o[i] = r;
}
int taken(device atomic_int* n) {
  bool done = false;
  int r = 0;
  while (!done) { if (SWAP(n[0], 1) == 0) { r = ADD(n[1], 1); STORE(n[0], 0); done = true; } }
  return r;
}
KERNEL(lock_in_a_function) { o[i] = taken(n); }
KERNEL(tickets) {
  bool done = false;
  do { if (LOAD(n[0]) == int(i)) { o[i] = int(i); STORE(n[0], int(i) + 1); done = true; } } while (!done);
}
KERNEL(lanes_in_turn) {
  threadgroup int t[32];
  t[lane] = 0;
  uint k = 0;
  bool done = false;
  do { simdgroup_barrier(mem_flags::mem_threadgroup); if (lane == k) { t[lane] = (lane ? t[lane - 1] : 0) + a[i]; done = true; } ++k; } while (!done);
  simdgroup_barrier(mem_flags::mem_threadgroup);
  o[i] = t[lane];
}
"""
A = (np.arange(64) * 37 % 101).astype(np.int32)


def launch(kernel, threads):
    import anymetal

    o = np.zeros(threads, np.int32)
    anymetal.Library(TEXT).kernel(kernel)(A, o, np.zeros(2, np.int32), grid=threads, threadgroup=threads)
    return o


@pytest.mark.parametrize("threads", [32, 64])
@pytest.mark.parametrize("kernel", ["keys", "keys_and_a_question", "keys_in_the_condition"])
def test_lanes_of_one_key_are_together(kernel, threads):
    keys = A[:threads].reshape(-1, 32) & 3
    np.testing.assert_array_equal(launch(kernel, threads), [(row == key).sum() for row in keys for key in row])


@pytest.mark.parametrize("threads", [32, 64])
@pytest.mark.parametrize("kernel", ["lock", "lock_and_a_question", "lock_in_a_function", "tickets"])
def test_a_lock_is_given_back_before_others_ask_again(kernel, threads):
    """Else all would wait for a lane that waits for them."""
    np.testing.assert_array_equal(sorted(launch(kernel, threads)), np.arange(threads))


def test_each_lane_adds_to_what_the_one_before_wrote():
    np.testing.assert_array_equal(launch("lanes_in_turn", 32), np.cumsum(A[:32]))
