"""Lanes and simdgroups that leave loops in different turns, or by different ways, or the kernel at its beginning."""

import functools

import pytest

np = pytest.importorskip("numpy")

TEXT = """#include <metal_stdlib>
using namespace metal;
kernel void returns(device const int* x, device const int* y, constant int& n, device int* o,
                    uint i [[thread_position_in_grid]]) {
  int s = 0;
  for (int a = 0; a < n; ++a) {
    for (int b = 0; b < n; ++b) {
      if (x[i + b] < 0) return;
      s += y[i * 7 + b] + y[i * 3 + b * 2];
      if (y[(i + b) * 5] > 100) break;
    }
  }
  o[i] = s;
}
kernel void breaks(device const int* x, device const int* y, constant int& n, device int* o,
                   uint i [[thread_position_in_grid]]) {
  int s = 0;
  for (int a = 0; a < n; ++a) {
    bool done = false;
    for (int b = 0; b < n; ++b) {
      if (x[i + b] < 0) { done = true; break; }
      s += y[i * 7 + b] + y[i * 3 + b * 2];
      if (y[(i + b) * 5] > 100) break;
      if (y[(i + a) * 3] > 200) { s += 7; continue; }
      s -= y[i + a * b];
    }
    if (done) break;
    if (x[i + a] > 900) break;
    s += a;
  }
  o[i] = s;
}
kernel void two_ways(device const int* x, device const int* y, constant int& n, device int* o,
                     uint i [[thread_position_in_grid]]) {
  int s = 0, a = 0;
  while (true) {
    if (x[i + a] > 700) { s += 1000; break; }
    s += y[i * 7 + a] + y[i * 3 + a * 2] * y[i + a];
    if (y[i * 2 + a] > 150) { o[i] = -s; return; }
    if (++a == n) break;
  }
  o[i] = s;
}
kernel void one_behind_another(device const int* x, device const int* y, constant int& n, device int* o,
                               uint i [[thread_position_in_grid]], uint lid [[thread_index_in_threadgroup]]) {
  int s = 0;
  for (int a = 119 - int(lid & 15); a > 0; a -= 32)
    if (x[i + n] < 0 || y[i + a] > 150) return;
  for (int b = int(lid & 15); b < 66; b += 16) s = s * 3 + y[i + b];
  o[i] = s;
}
kernel void from_one_to_another(device const int* x, device const int* y, constant int& n, device int* o,
                                uint i [[thread_position_in_grid]], uint lid [[thread_index_in_threadgroup]]) {
  int s = 0, a = 127 - int(lid & 15) * 8;
  for (; a > 0; a -= 32) s += y[i + a] + n;
  for (int b = int(lid & 15); b < 66; b += 16) s = s * 3 + y[i + b] + a;
  o[i] = s;
}
kernel void shared_value(device const int* x, device const int* y, constant int& n, device int* o,
                         uint i [[thread_position_in_grid]]) {
  int s = 0;
  for (int a = n; a >= 0; --a) {
    s = x[a] - s * 3;
    if (y[i + a] < 50) continue;
    if ((n & 1) == 0) break;
  }
  o[i] = s;
}
kernel void shared_value_at_one_exit(device const int* x, device const int* y, constant int& n, device int* o,
                                     uint i [[thread_position_in_grid]]) {
  int s = 0;
  for (int a = 0;; ++a) {
    s = x[a] - s * 3;
    if (y[i + a] < 50 && a < 7) continue;
    if (n < 100) break;
  }
  o[i] = s;
}
kernel void entered_in_the_middle(device int* o, device int* p, constant int& n, constant int& m, uint i [[thread_position_in_grid]]) {
  int x = 0, j = m;
  switch (i & 1) {
    do {
      case 0: x = x * 3 + j; p[i] += x;
      default: x += p[i] + j; ++j;
    } while (j < n);
  }
  o[i] = x;
}
kernel void first_zero(device const int* x, device int* o, uint i [[thread_position_in_grid]],
                       uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  uint at = 0;
  while (x[simdgroup * 16 + at] != 0) ++at;
  threadgroup_barrier(mem_flags::mem_device);
  o[i] = at;
}
kernel void found(device const uint* x, constant uint& n, device uint* o, uint gid [[thread_position_in_grid]]) {
  uint b = gid, f = 1, i = 0;
  const uint c = x[gid + 100];
  while (true) {
    if (++i > n) break;
    if (x[b] == 6u) { f = 7; continue; }
    if (c != 1u) return;
    b ^= 32u;
  }
  o[gid] = f;
}
kernel void last_turn(device const uint* x, device uint* o, uint i [[thread_position_in_grid]],
                      uint lane [[thread_index_in_simdgroup]], uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  uint at = 0, s[8] = {i, i, i, i, i, i, i, i};
  bool v;
  do {
    v = lane < at * 3u;
    for (int k = 0; k < 8; ++k) s[k] = s[k] * 5u + (v ? at : k);
    ++at;
  } while (at <= x[simdgroup]);
  threadgroup_barrier(mem_flags::mem_device);
  for (int k = 0; k < 8; ++k) o[i * 8 + k] = v ? s[k] | 1u : s[k] & ~1u;
}
kernel void next_of_two(device const uint* x, device const int* c, device uint* o, uint i [[thread_index_in_threadgroup]]) {
  threadgroup uint s[1024];
  uint a = x[i];
  for (int j = 0;; ++j) {
    uint v = a * 3 + x[i + 1];
    s[i] = v;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    uint w = s[i ^ 1];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (j == c[3]) break;
    if (c[j]) {
      threadgroup_barrier(mem_flags::mem_threadgroup);
      a = v;
    } else {
      a = w;
    }
  }
  o[i] = a;
}
kernel void beside_a_join(device const uint* x, device const int* c, device uint* o, uint i [[thread_index_in_threadgroup]]) {
  threadgroup uint s[1024];
  uint a = x[i], z = x[i + 1];
  for (int j = 0;; ++j) {
    uint v = a * 3 + x[i + 1];
    s[i] = v;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (j == c[3]) break;
    uint y = z;
    if (c[j]) {
      threadgroup_barrier(mem_flags::mem_threadgroup);
      y = v;
    }
    a = y * 5 + v;
  }
  o[i] = a;
}
#define TURNS(name, ends) kernel void name(device const int* x, constant int& kind, device int* o, uint i [[thread_index_in_threadgroup]], \\
                      uint n [[threads_per_threadgroup]], uint simdgroup [[simdgroup_index_in_threadgroup]]) { \\
  threadgroup int s[256]; \\
  threadgroup bool done; \\
  int a = x[i]; \\
  uint k = 0; \\
  const uint d = (simdgroup & 1) ? 1 : 2; \\
  for (;;) { \\
    k += d; \\
    a = a * 3 + int(k); \\
    if (k & 3) continue; \\
    s[i] = a; \\
    if (i == 0) done = k >= 12; \\
    threadgroup_barrier(mem_flags::mem_threadgroup); \\
    int b = s[i + 32 < n ? i + 32 : i + 32 - n]; \\
    bool end = done; \\
    threadgroup_barrier(mem_flags::mem_threadgroup); \\
    a += b; \\
    if (ends) break; \\
  } \\
  o[i] = a; \\
}
TURNS(own_turns, kind == 0 ? end : k >= 12)
TURNS(own_end, k >= 12)
kernel void columns(device const uint* x, constant uint& n, device uint* o, uint i [[thread_position_in_grid]]) {
  const uint row = i / n, column = i % n;
  if (column >= 2u) return;
  o[i] = x[row] + column + 1;
}
kernel void rows(device const uint* x, constant uint& n, device uint* o, uint i [[thread_position_in_grid]]) {
  const uint row = i / n;
  if (row < 12u) return;
  o[i] = x[row] + 1;
}
kernel void some(device const uint* x, constant uint& n, device uint* o, uint i [[thread_position_in_grid]]) {
  if (i * 7u % n < 3u) o[i] += x[i];
}
kernel void quads(device const float* m, device float* o, constant uint& rows, constant uint& pitch,
                  uint x [[thread_position_in_grid]], uint quad [[quadgroup_index_in_threadgroup]]) {
  float s = 0;
  for (uint r = 0; r < rows; ++r) s += m[r * pitch + x];
  o[x] = s + 1000.0f * quad;
}
"""


@pytest.fixture(scope="module")
def library():
    import anymetal

    return anymetal.Library(TEXT)


def returns(x, y, n, i):
    s = 0
    for _ in range(n):
        for b in range(n):
            if x[i + b] < 0:
                return 0
            s += y[i * 7 + b] + y[i * 3 + b * 2]
            if y[(i + b) * 5] > 100:
                break
    return s


def breaks(x, y, n, i):
    s = 0
    for a in range(n):
        done = False
        for b in range(n):
            if x[i + b] < 0:
                done = True
                break
            s += y[i * 7 + b] + y[i * 3 + b * 2]
            if y[(i + b) * 5] > 100:
                break
            if y[(i + a) * 3] > 200:
                s += 7
                continue
            s -= y[i + a * b]
        if done or x[i + a] > 900:
            break
        s += a
    return s


def two_ways(x, y, n, i):
    s = 0
    for a in range(n):
        if x[i + a] > 700:
            return s + 1000
        s += y[i * 7 + a] + y[i * 3 + a * 2] * y[i + a]
        if y[i * 2 + a] > 150:
            return -s
    return s


def one_behind_another(x, y, n, i):
    if any(x[i + n] < 0 or y[i + a] > 150 for a in range(119 - i % 16, 0, -32)):
        return 0
    return functools.reduce(lambda s, b: s * 3 + y[i + b], range(i % 16, 66, 16), 0)


def from_one_to_another(x, y, n, i):
    s, a = 0, 127 - i % 16 * 8
    while a > 0:
        s += y[i + a] + n
        a -= 32
    for b in range(i % 16, 66, 16):
        s = s * 3 + y[i + b] + a
    return s


def shared_value(x, y, n, i):
    s = 0
    for a in range(n, -1, -1):
        s = x[a] - s * 3
        if y[i + a] >= 50 and n % 2 == 0:
            break
    return s


def shared_value_at_one_exit(x, y, n, i):
    s = 0
    for a in range(8):
        s = x[a] - s * 3
        if y[i + a] >= 50:
            break
    return s


def arrays(kind, n):
    if kind == "parted":  # the first leave the inner loop, others both; nobody is left within
        x, y = np.zeros(800, np.int32), np.ones(800, np.int32)
        y[:80:5] = 1000
        x[20:60] = -1
        return x, y
    random = np.random.default_rng(n)
    x = random.integers(-3, 1000, 800).astype(np.int32)
    return x, random.integers(0, {"often": 260, "rarely": 103}[kind], 800).astype(np.int32)


@pytest.mark.parametrize("kind", ["parted", "often", "rarely"])
@pytest.mark.parametrize("function", [returns, breaks, two_ways, one_behind_another, from_one_to_another, shared_value,
                                      shared_value_at_one_exit],
                         ids=lambda each: each.__name__)
def test_lanes_that_wait_for_others_behind_a_loop(library, function, kind):
    for n in (1, 3, 8):
        x, y = arrays(kind, n)
        for threads in (32, 64):
            o = np.zeros(64, np.int32)
            library.kernel(function.__name__)(x, y, np.int32(n), o, grid=64, threadgroup=threads)
            np.testing.assert_array_equal(o, [function(x.tolist(), y.tolist(), n, i) for i in range(64)])


@pytest.mark.parametrize("threads", [32, 64, 256, 1024])
@pytest.mark.parametrize("choices", [(1, 0, 1), (0, 0, 1), (1, 1, 0)])
def test_what_parts_of_a_loop_with_barriers_pass_on(library, choices, threads):
    x, c, o = np.arange(threads + 1, dtype=np.uint32), np.array([*choices, 3], np.int32), np.zeros(threads, np.uint32)
    library.kernel("next_of_two")(x, c, o, grid=threads, threadgroup=threads)
    a = x[:-1]
    for choice in choices:
        v = a * 3 + x[1:]
        a = v if choice else v[np.arange(threads) ^ 1]
    np.testing.assert_array_equal(o, a)
    library.kernel("beside_a_join")(x, c, o, grid=threads, threadgroup=threads)
    a = x[:-1]
    for choice in choices:
        v = a * 3 + x[1:]
        a = (v if choice else x[1:]) * 5 + v
    np.testing.assert_array_equal(o, a)


@pytest.mark.parametrize("threads", [32, 64, 96, 128, 160, 256])
def test_turns_before_a_barrier_that_each_simdgroup_has_for_itself(library, threads):
    a = np.arange(threads, dtype=np.int32)
    for turn in range(3):
        s = a.copy()
        for simdgroup in range(threads // 32):
            step = 1 if simdgroup & 1 else 2
            for k in range(4 * turn + step, 4 * turn + 5, step):
                s[simdgroup * 32:simdgroup * 32 + 32] = s[simdgroup * 32:simdgroup * 32 + 32] * 3 + k
        a = s + s[(np.arange(threads) + 32) % threads]
    x, o = np.arange(threads, dtype=np.int32), np.zeros(threads, np.int32)
    for kind in (0, 1):
        library.kernel("own_turns")(x, np.int32(kind), o, grid=threads, threadgroup=threads)
        np.testing.assert_array_equal(o, a)
    library.kernel("own_end")(x, np.int32(0), o, grid=threads, threadgroup=threads)
    np.testing.assert_array_equal(o, a)


@pytest.mark.parametrize("threads", [33, 64, 100, 256])
def test_a_number_of_turns_that_simdgroups_don_t_share(library, threads):
    x = np.ones((8, 16), np.int32)
    ends = [3, 9, 0, 15, 7, 1, 12, 5]
    x[np.arange(8), ends] = 0
    o = np.zeros(threads, np.int32)
    library.kernel("first_zero")(x, o, grid=threads, threadgroup=threads)
    np.testing.assert_array_equal(o, [ends[i // 32] for i in range(threads)])


@pytest.mark.parametrize("threadgroup", [(32, 1), (32, 8), (64, 1), (64, 4)])
def test_quadgroups_of_threadgroups_side_by_side(library, threadgroup):
    width, height = threadgroup
    m = np.random.default_rng(0).integers(0, 9, (64, 2048)).astype(np.float32)
    o = np.zeros(2048, np.float32)
    library.kernel("quads")(m, o, np.uint32(64), np.uint32(2048), grid=(2048, height), threadgroup=threadgroup)
    lowest = m.sum(0) + 1000 * (np.arange(2048) % width // 4)
    # Rows of a threadgroup write the same place: any of them may be the last.
    rest = (o - lowest) / (1000 * width / 4)
    assert np.all(rest == np.round(rest)) and np.all((rest >= 0) & (rest < height)), o


@pytest.mark.parametrize("threads", [1, 31, 32, 96, 256])
def test_a_loop_that_lanes_enter_in_its_middle(library, threads):
    o, p = np.zeros((2, threads), np.int32)
    library.kernel("entered_in_the_middle")(o, p, np.int32(9), np.int32(2), grid=threads, threadgroup=threads)
    for i in range(threads):
        x = kept = 0
        for j in range(2, 9):
            if j > 2 or i % 2 == 0:
                x = x * 3 + j
                kept += x
            x += kept + j
        assert (o[i], p[i]) == (x, kept), i


def test_lanes_that_leave_a_loop_by_a_shared_exit_in_other_turns(library):
    x = np.full(256, 5, np.uint32)
    x[0:32:2] = 6
    x[100:132] = 1
    o = np.zeros(32, np.uint32)
    library.kernel("found")(x, np.uint32(3), o, grid=32, threadgroup=32)
    np.testing.assert_array_equal(o, [7, 1] * 16)


def test_a_mask_made_from_a_counter_of_the_last_turn(library):
    x = np.array([3, 9, 0, 15, 7, 1, 12, 5], np.uint32)
    o = np.zeros((256, 8), np.uint32)
    library.kernel("last_turn")(x, o, grid=256, threadgroup=256)
    lane, turns = np.arange(256) % 32, x[np.arange(256) // 32]
    v = lane < turns * 3
    s = np.repeat(np.arange(256, dtype=np.uint32)[:, None], 8, axis=1)
    for at in range(16):
        step = np.where((lane < at * 3)[:, None], np.uint32(at), np.arange(8, dtype=np.uint32))
        s = np.where((at <= turns)[:, None], s * np.uint32(5) + step, s)
    np.testing.assert_array_equal(o, np.where(v[:, None], s | 1, s & ~np.uint32(1)))


@pytest.mark.parametrize("threads", [32, 33, 64, 256])
@pytest.mark.parametrize("n", [1, 3, 5, 32, 37])
def test_a_guard_that_divides(library, n, threads):
    i, x = np.arange(1024), np.arange(1024, dtype=np.uint32) * 3
    o = np.zeros(1024, np.uint32)
    library.kernel("columns")(x, np.uint32(n), o, grid=1024, threadgroup=threads)
    np.testing.assert_array_equal(o, np.where(i % n < 2, x[i // n] + i % n + 1, 0))
    o[:] = 0
    library.kernel("rows")(x, np.uint32(n), o, grid=1024, threadgroup=threads)
    np.testing.assert_array_equal(o, np.where(i // n >= 12, x[i // n] + 1, 0))
    o[:] = 0
    library.kernel("some")(x, np.uint32(n), o, grid=1024, threadgroup=threads)
    np.testing.assert_array_equal(o, np.where(i * 7 % n < 3, x, 0))


@pytest.mark.parametrize("start", range(4))
def test_sums_that_are_bits_beside_each_other_for_some_lanes(start):
    """Where `(i & 3) == 0`, LLVM makes `i | j` of `i + j`; lane 0 isn't there, and its number is all lanes' base."""
    import anymetal

    library = anymetal.Library("""#include <metal_stdlib>
using namespace metal;
kernel void computes(device uint* y, device const uint* x, constant uint& s, constant uint& u, uint t [[thread_position_in_grid]]) {
  uint i = t + s, j = u & 3;
  y[t] = (i & 3) == 0 ? (i + j) ^ 5 : j;
}
kernel void reads(device uint* y, device const uint* x, constant uint& s, constant uint& u, uint t [[thread_position_in_grid]]) {
  uint i = t + s, j = u & 3, at = j;
  if ((i & 3) == 0) at = (i + j) * 2;
  y[t] = x[at];
}
""", math_mode="safe")
    i, x, y = np.arange(32) + start, np.arange(512, dtype=np.uint32) * 7, np.zeros(32, np.uint32)
    arguments = (y, x, np.uint32(start), np.uint32(3))
    library.kernel("computes")(*arguments, grid=32, threadgroup=32)
    np.testing.assert_array_equal(y, np.where(i & 3 == 0, (i + 3) ^ 5, 3))
    library.kernel("reads")(*arguments, grid=32, threadgroup=32)
    np.testing.assert_array_equal(y, x[np.where(i & 3 == 0, (i + 3) * 2, 3)])


@pytest.mark.parametrize("threads", [32, 64, 128, 256, 1024])
def test_atomic_loads_that_are_needed_behind_a_barrier(threads):
    """Each thread counts behind what it read, so somebody must have read 0; no step may have another one's number."""
    import anymetal

    library = anymetal.Library("""#include <metal_stdlib>
using namespace metal;
kernel void shared(device uint* o, uint i [[thread_position_in_threadgroup]]) {
  threadgroup atomic_uint c;
  if (i == 0) atomic_store_explicit(&c, 0u, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  uint before = atomic_load_explicit(&c, memory_order_relaxed);
  atomic_fetch_add_explicit(&c, 1u, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  o[i] = before * 2 + 1;
}
kernel void in_a_buffer(device atomic_uint* c, device uint* o, uint i [[thread_position_in_threadgroup]]) {
  uint before = atomic_load_explicit(c, memory_order_relaxed);
  atomic_fetch_add_explicit(c, 1u, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  o[i] = before;
}
kernel void first(device uint* o, uint i [[thread_position_in_threadgroup]]) {
  threadgroup atomic_uint taken;
  if (i == 0) atomic_store_explicit(&taken, 0u, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  bool is_first = atomic_load_explicit(&taken, memory_order_relaxed) == 0;
  atomic_store_explicit(&taken, 1u, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  o[i] = is_first;
}
kernel void until(device uint* o, constant uint& n, uint i [[thread_position_in_threadgroup]]) {
  threadgroup atomic_uint done;
  if (i == 0) atomic_store_explicit(&done, 0u, memory_order_relaxed);
  uint turns = 0;
  for (;;) {
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (atomic_load_explicit(&done, memory_order_relaxed) >= n) break;
    ++turns;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (i == 0) atomic_fetch_add_explicit(&done, 1u, memory_order_relaxed);
  }
  o[i] = turns;
}
""", math_mode="safe")
    o = np.zeros(threads, np.uint32)
    library.kernel("shared")(o, grid=threads, threadgroup=threads)
    assert o.min() == 1 and o.max() < 2 * threads
    library.kernel("in_a_buffer")(np.zeros(1, np.uint32), o, grid=threads, threadgroup=threads)
    assert o.min() == 0 and o.max() < threads
    library.kernel("first")(o, grid=threads, threadgroup=threads)
    assert o.sum() >= 1
    library.kernel("until")(o, np.uint32(5), grid=threads, threadgroup=threads)
    assert o.tolist() == [5] * threads
