"""Loops whose lanes leave them one by one: what is done in a turn is done before the others go on."""

import re

import pytest

np = pytest.importorskip("numpy")

TEXT = """#include <metal_stdlib>
using namespace metal;
constant bool constant_0 [[function_constant(0)]];
constant bool breaks = is_function_constant_defined(constant_0) ? constant_0 : true;
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
KERNEL(keys_and_break) {
  int key = a[i] & 3, r = 0;
  for (;;) { if (key == simd_broadcast_first(key)) { r = simd_sum(1); break; } }
  o[i] = r;
}
KERNEL(keys_and_break_last) {
  int key = a[i] & 3, r = 0;
  for (;;) { if (key != simd_broadcast_first(key)) continue; r = simd_sum(1); break; }
  o[i] = r;
}
KERNEL(keys_and_return) {
  int key = a[i] & 3;
  while (true) { if (key == simd_broadcast_first(key)) { o[i] = simd_sum(1); return; } }
}
KERNEL(keys_and_return_last) {
  int key = a[i] & 3;
  while (true) { if (key != simd_broadcast_first(key)) continue; o[i] = simd_sum(1); return; }
}
KERNEL(keys_and_a_counter) {
  int key = a[i] & 3, r = 0;
  for (int turn = 0; turn < 4; ++turn) { if (key == turn) { int n = simd_sum(1); r = n; break; } }
  o[i] = r;
}
KERNEL(keys_and_do) {
  int key = a[i] & 3, r = 0, turn = 0;
  do { if (key == turn) { r = simd_sum(1); break; } } while (++turn < 4);
  o[i] = r;
}
KERNEL(keys_and_a_switch) {
  int key = a[i] & 3, r = 0;
  for (int turn = 0;; ++turn) {
    switch (key - turn) { case 0: o[i] = simd_sum(1); return; case 1: r += simd_sum(1); break; default: continue; }
  }
}
KERNEL(keys_and_two_ways_out) {
  int key = a[i] & 3, r = 0;
  for (;;) {
    if (key != simd_broadcast_first(key)) continue;
    if (key & 1) { r = simd_sum(1); break; }
    o[i] = simd_sum(1);
    return;
  }
  o[i] = r;
}
KERNEL(keys_and_loops_in_the_arm) {
  int key = a[i] & 3, r = 0;
  for (;;) {
    if (key != simd_broadcast_first(key)) continue;
    for (int k = 0; k < 3; ++k) { if (k == key) break; r += simd_sum(1); }
    for (int k = key; k < 3; ++k) r += simd_sum(1);
    r -= 2 * simd_sum(1);
    break;
  }
  o[i] = r;
}
KERNEL(keys_in_a_loop) {
  int key = a[i] & 3, r = 0;
  for (int k = 0; k < 3; ++k) {
    for (;;) { if (key != simd_broadcast_first(key)) continue; for (;;) { if (simd_sum(1) >= 0) { r += simd_sum(1); break; } } break; }
    if (r < 0) return;
  }
  o[i] = r / 3;
}
int number_of(int key) {
  for (int turn = 0;; ++turn) { int n = simd_max(key); if (n == key) { int of = simd_sum(1); return of; } }
}
KERNEL(keys_in_a_function) { o[i] = number_of(a[i] & 3); }
KERNEL(keys_and_a_known_condition) {
  int key = a[i] & 3, r = 0;
  for (;;) { bool done = true; if (key == simd_broadcast_first(key)) { r = simd_sum(1); if (done) break; } }
  o[i] = r;
}
KERNEL(keys_and_true) {
  int key = a[i] & 3, r = 0;
  for (;;) { if (key == simd_broadcast_first(key) && (r = simd_sum(1), true)) break; }
  o[i] = r;
}
KERNEL(keys_and_known_lanes) {
  int key = a[i] & 3;
  for (;;) { if (key == simd_broadcast_first(key)) { o[i] += simd_sum(1); if (lane < 32) return; } }
}
KERNEL(keys_and_a_function_constant) {
  int key = a[i] & 3, r = 0;
  for (;;) { if (!breaks) { r = 1; break; } if (key == simd_broadcast_first(key)) { if (breaks) { r = simd_sum(1); break; } } }
  o[i] = r;
}
KERNEL(keys_and_loops_that_never_go_round) {
  int key = a[i] & 3, r = 0;
  for (;;) {
    if (key != simd_broadcast_first(key)) continue;
    do { r = simd_sum(1); } while (0);
    while (key >= 0) { r += simd_sum(1); break; }
    r = (r + simd_sum(1)) / 3;
    break;
  }
  o[i] = r;
}
KERNEL(sum_behind_a_case_range) {
  int key = a[i] & 3, r = 0, t = 0;
  do { if (key == t) { r = simd_sum(1); break; } switch (a[i] + t) { case 5 ... 200: r += 1; } } while (++t < 8);
  r = simd_sum(1);
  o[i] = r;
}
bool give(device atomic_int* n) { STORE(n[0], 0); return true; }
KERNEL(lock_and_what_a_function_says) {
  int r = 0;
  for (;;) { if (SWAP(n[0], 1) == 0) { r = ADD(n[1], 1); if (give(n)) break; } }
  o[i] = r;
}
KERNEL(lock_and_a_block_as_macros_are) {
  int r = 0;
  while (true) { if (SWAP(n[0], 1) != 0) continue; do { r = ADD(n[1], 1); } while (0); STORE(n[0], 0); break; }
  o[i] = r;
}
KERNEL(lock_and_a_loop_entered_in_its_middle) {
  int r = 0, x = a[i];
  for (;;) {
    if (SWAP(n[0], 1) == 0) {
      int k = 0;
      switch (x & 1) { case 0: do { k++; x = x * 3 + k; case 1: x++; } while (k < 2 && x < 1000); }
      r = ADD(n[1], 1);
      STORE(n[0], 0);
      break;
    }
  }
  o[i] = r;
}
KERNEL(lock_and_break) {
  int r = 0;
  for (;;) { if (SWAP(n[0], 1) == 0) { r = ADD(n[1], 1); STORE(n[0], 0); break; } }
  o[i] = r;
}
KERNEL(lock_and_return) {
  while (true) { if (SWAP(n[0], 1) == 0) { int r = ADD(n[1], 1); o[i] = r; STORE(n[0], 0); return; } }
}
KERNEL(lock_and_break_last) {
  int r = 0;
  while (true) { if (SWAP(n[0], 1) != 0) continue; r = ADD(n[1], 1); STORE(n[0], 0); break; }
  o[i] = r;
}
bool take(device atomic_int* n) { return SWAP(n[0], 1) == 0; }
int served(device atomic_int* n) {
  for (int turn = 0;; ++turn) { if (take(n)) { int r = ADD(n[1], 1); STORE(n[0], 0); return r; } }
}
KERNEL(lock_and_return_of_a_function) { o[i] = served(n); }
KERNEL(lanes_in_turn_and_break) {
  threadgroup int t[32];
  t[lane] = 0;
  for (uint k = 0;; ++k) {
    simdgroup_barrier(mem_flags::mem_threadgroup);
    if (lane == k) { t[lane] = (lane ? t[lane - 1] : 0) + a[i]; break; }
  }
  simdgroup_barrier(mem_flags::mem_threadgroup);
  o[i] = t[lane];
}
KERNEL(keys_and_a_state) {
  int key = a[i] & 3, c, r = 0, x = 0, next = 0;
  for (;;) {
    c = simd_broadcast_first(key);
    if (key == c) { r = simd_sum(1); next = 2; } else if (x > 100) next = 1; else next = 0;
    if (next == 1) { x += 7; continue; }
    if (next == 2) break;
    x += 1;
  }
  o[i] = r;
}
KERNEL(keys_and_breaks_within) {
  int key = a[i] & 3, c, r = 0, found = 0, ends = 0;
  for (;;) {
    c = simd_broadcast_first(key);
    if (key == c) { r = simd_sum(1); found = 1; ends = r >= 0; }
    if (found) { if (ends) break; found = 0; } else { ends = 0; }
  }
  o[i] = r;
}
KERNEL(lock_and_a_state) {
  int r = 0, x = 0, next = 0;
  for (;;) {
    if (SWAP(n[0], 1) == 0) { r = ADD(n[1], 1); next = 2; STORE(n[0], 0); } else if (x > 100) next = 1; else next = 0;
    if (next == 1) { x += 7; continue; }
    if (next == 2) break;
    x += 1;
  }
  o[i] = r;
}
KERNEL(lock_around_loops) {
  int r = 0, x = a[i] & 3;
  for (;;) {
    if (SWAP(n[0], 1) == 0) {
      while (true) { if (x >= 0) { for (int k = 0; k < x; ++k) r += ADD(n[1], 0) & 0; break; } }
      r += ADD(n[1], 1);
      STORE(n[0], 0);
      break;
    }
  }
  o[i] = r;
}
KERNEL(lock_of_a_plain_number) {
  threadgroup int taken;
  threadgroup atomic_int lock;
  int r = 0;
  if (i == 0) { taken = 0; STORE(lock, 0); }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  bool done = false;
  while (!done) { if (SWAP(lock, 1) == 0) { r = taken++; STORE(lock, 0); done = true; } }
  o[i] = r;
}
KERNEL(lock_of_a_plain_number_and_break) {
  threadgroup int taken;
  threadgroup atomic_int lock;
  int r = 0;
  if (i == 0) { taken = 0; STORE(lock, 0); }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (;;) { if (SWAP(lock, 1) == 0) { r = taken; taken = r + 1; STORE(lock, 0); break; } }
  o[i] = r;
}
struct Sum { int n; void add(int x) { n += x; } };
KERNEL(lanes_of_a_method) {
  threadgroup Sum t;
  t.n = 0;
  simdgroup_barrier(mem_flags::mem_threadgroup);
  for (;;) { uint first = simd_broadcast_first(lane); if (lane == first) { t.add(a[i]); o[i] = t.n; break; } }
}
KERNEL(lanes_of_a_plain_number) {
  threadgroup int t;
  t = 0;
  simdgroup_barrier(mem_flags::mem_threadgroup);
  for (;;) { uint first = simd_broadcast_first(lane); if (lane == first) { t += a[i]; o[i] = t; break; } }
}
KERNEL(lanes_of_a_vector) {
  threadgroup int4 t;
  t = 0;
  simdgroup_barrier(mem_flags::mem_threadgroup);
  for (;;) { uint first = simd_broadcast_first(lane); if (lane == first) { t += int4(a[i]); o[i] = t.y; break; } }
}
KERNEL(lanes_of_device_memory) {
  device int4* t = (device int4*)o;
  uint first;
  int last = 0;
  for (;;) { first = simd_broadcast_first(lane); if (lane == first) { *t += int4(a[i]); last = t->x; break; } }
  simdgroup_barrier(mem_flags::mem_device);
  o[i] = last;
}
kernel void texels(texture2d<int, access::read_write> t, uint lane [[thread_index_in_simdgroup]]) {
  uint first;
  for (;;) {
    first = simd_broadcast_first(lane);
    if (lane == first) { int4 sum = t.read(uint2(1, 2)); t.write(sum + int(lane), uint2(1, 2)); break; }
  }
}
"""
NAMES = re.findall(r"^KERNEL\((\w+)\)", TEXT, re.MULTILINE)
A = (np.arange(64) * 37 % 101).astype(np.int32)


def launch(kernel, threads):
    import anymetal

    o = np.zeros(threads, np.int32)
    anymetal.Library(TEXT).kernel(kernel)(A, o, np.zeros(2, np.int32), grid=threads, threadgroup=threads)
    return o


@pytest.mark.parametrize("threads", [32, 64])
@pytest.mark.parametrize("kernel", [name for name in NAMES if name.startswith("keys")])
def test_lanes_of_one_key_are_together(kernel, threads):
    keys = A[:threads].reshape(-1, 32) & 3
    np.testing.assert_array_equal(launch(kernel, threads), [(row == key).sum() for row in keys for key in row])


@pytest.mark.parametrize("threads", [32, 64])
@pytest.mark.parametrize("kernel", [*(name for name in NAMES if name.startswith("lock")), "tickets"])
def test_a_lock_is_given_back_before_others_ask_again(kernel, threads):
    """Else all would wait for a lane that waits for them."""
    np.testing.assert_array_equal(sorted(launch(kernel, threads)), np.arange(threads))


@pytest.mark.parametrize("kernel", [name for name in NAMES if name.startswith("lanes_")])
def test_each_lane_adds_to_what_the_one_before_wrote(kernel):
    np.testing.assert_array_equal(launch(kernel, 32), np.cumsum(A[:32]))


@pytest.mark.parametrize("threads", [32, 64])
def test_what_is_behind_a_loop_stays_there(threads):
    """The blocks of a wide case range stand at the function's end, behind the loop's."""
    np.testing.assert_array_equal(launch("sum_behind_a_case_range", threads), 32)


def test_texels_count_as_memory():
    import anymetal

    texture = anymetal.Texture(np.zeros((4, 4), np.int32), format="r32sint")
    anymetal.Library(TEXT).kernel("texels")(texture, grid=32, threadgroup=32)
    assert texture.numpy()[2, 1].item() == sum(range(32))
