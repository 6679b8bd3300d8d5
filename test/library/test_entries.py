"""Loops that a switch jumps into, in the middle of a turn: who comes in there, and who passes a part of the turn by, are in one turn."""

import pytest

np = pytest.importorskip("numpy")

HEAD = """#include <metal_stdlib>
using namespace metal;
#define MEET threadgroup_barrier(mem_flags::mem_threadgroup)
#define KERNEL(name) kernel void name(device const int* a, device int* o, constant int& turns, constant int& entry, \\
  uint i [[thread_position_in_grid]], uint lane [[thread_index_in_simdgroup]], uint sg [[simdgroup_index_in_threadgroup]], \\
  uint threads [[threads_per_threadgroup]])
"""
# In each, turns begin behind case 0, and a first turn may begin behind case 1.
TEXT = HEAD + """
KERNEL(sums) {
  int x = a[i], left = turns;
  switch (entry) {
    case 0: do {
      x += simd_sum(x & 3);
      if (a[i] & 1) continue;
    case 1:
      x += 3;
    } while (--left > 0);
  }
  o[i] = x;
}
KERNEL(exchanges) {
  threadgroup int t[256];
  int x = a[i], left = turns;
  switch (entry) {
    case 0: do {
      t[i] = x; MEET; x += t[(i + 1) % threads] & 7; MEET;
      if (a[i] & 1) continue;
    case 1:
      x += 3;
    } while (--left > 0);
  }
  o[i] = x;
}
KERNEL(skips) {
  int x = a[i], left = turns;
  threadgroup int t[256];
  switch (entry) {
    case 0: do {
      if (a[i] & 1) continue;
    case 1:
      x += 3;
    } while (t[i] = x, MEET, x += t[(i + 1) % threads] & 7, MEET, --left > 0);
  }
  o[i] = x;
}
KERNEL(branches) {
  int x = a[i], left = turns;
  threadgroup int t[256];
  switch (entry) {
    case 0: do {
      if (lane & 1) x += 100;
      else { x += 50; case 1: x += 3; }
      t[i] = x; MEET; x += t[(i + 1) % threads] & 7; MEET;
    } while (--left > 0);
  }
  o[i] = x;
}
KERNEL(threaded) {
  threadgroup int t[8];
  int x = a[i], left = turns;
  switch (entry) {
    case 0: do {
      if (lane > 3) x += a[x & 15];
    case 1:
      if (lane == 0) t[sg] = x;
      MEET; x += t[0]; MEET;
    } while (--left > 0);
  }
  o[i] = x;
}
KERNEL(nested) {
  int x = a[i], left = turns, k = 0;
  switch (entry) {
    case 0: do {
      x = x * 3 + 1;
      for (k = 0; k < 2; ++k) {
        if (a[i] & 1) continue;
    case 1:
        x += simd_sum(x & 3);
      }
      x ^= simd_max(x & 7);
    } while (--left > 0);
  }
  o[i] = x;
}
KERNEL(continues) {
  int x = a[i], n = 0;
  switch (entry) {
    case 0: while (n < turns) {
      ++n;
      x += simd_sum(x & 3);
      if (a[i] & 1) continue;
    case 1:
      x += 3;
    }
  }
  o[i] = x;
}
KERNEL(continues_and_meets) {
  threadgroup int t[256];
  int x = a[i], n = 0;
  switch (entry) {
    case 0: for (;;) {
      if (n++ >= turns) break;
      t[i] = x; MEET; x += t[(i + 1) % threads] & 7; MEET;
      if (a[i] & 1) continue;
    case 1:
      x += 3;
    }
  }
  o[i] = x;
}
int twice(int x, int a, int turns, int entry) {
  int n = 0;
  switch (entry) { case 0: while (n < turns) { ++n; x += simd_sum(x & 3); if (a & 1) continue; case 1: x += 3; } }
  return x;
}
KERNEL(in_a_function) { o[i] = twice(twice(a[i], a[i], turns, entry), a[i], turns, entry); }
KERNEL(lanes) {
  int x = a[i], left = turns;
  switch (a[i] % 3) {
    case 0: do {
      x = x * 3 + 1;
    case 1:
      x += 7;
    case 2:
      x ^= 5;
    } while (--left > 0);
  }
  o[i] = x;
}
"""
A = (np.arange(256) * 37 % 101).astype(np.int64)


def neighbours(x):
    return x + (np.roll(x, -1) & 7)


def simdgroups(f, x):
    return np.repeat(f(x.reshape(-1, 32), axis=1), 32)


def wanted(kernel, turns, entry, threads):
    a = A[:threads]
    x, odd, lane = a.copy(), (a & 1) == 1, np.arange(threads) % 32
    if kernel in ("continues", "continues_and_meets", "in_a_function"):
        for _ in range(2 if kernel == "in_a_function" else 1):
            x = x + 3 * entry
            for _ in range(turns):
                x = neighbours(x) if kernel == "continues_and_meets" else x + simdgroups(np.sum, x & 3)
                x = np.where(odd, x, x + 3)
        return x
    for turn in range(turns):
        enters = entry == 1 and turn == 0
        if kernel == "sums":
            x = x if enters else x + simdgroups(np.sum, x & 3)
            x = np.where(odd & (not enters), x, x + 3)
        elif kernel == "exchanges":
            x = x if enters else neighbours(x)
            x = np.where(odd & (not enters), x, x + 3)
        elif kernel == "skips":
            x = neighbours(np.where(odd & (not enters), x, x + 3))
        elif kernel == "branches":
            x = neighbours(x + 3 if enters else np.where(lane & 1, x + 100, x + 53))
        elif kernel == "threaded":
            x = np.where((lane > 3) & (not enters), x + A[x & 15], x)
            x = x + x[0]
        elif kernel == "nested":
            x = x if enters else x * 3 + 1
            for k in range(2):
                here = ~odd | (enters and k == 0)
                sums = simdgroups(np.sum, np.where(here, x & 3, 0))
                x = np.where(here, x + sums, x)
            x = x ^ simdgroups(np.max, x & 7)
        else:
            x = np.where((a % 3 == 0) | (turn > 0), x * 3 + 1, x)
            x = np.where((a % 3 < 2) | (turn > 0), x + 7, x) ^ 5
    return x


@pytest.fixture(scope="module")
def library():
    import anymetal

    return anymetal.Library(TEXT)


@pytest.mark.parametrize("entry", [0, 1])
@pytest.mark.parametrize("threads", [32, 64, 128, 256])
@pytest.mark.parametrize("kernel", ["sums", "exchanges", "skips", "branches", "threaded", "nested", "lanes", "continues", "continues_and_meets", "in_a_function"])
def test_loops_entered_in_their_middle(library, kernel, threads, entry):
    for turns in (1, 3):
        o = np.zeros(threads, np.int32)
        library.kernel(kernel)(A[:threads].astype(np.int32), o, np.int32(turns), np.int32(entry), grid=threads, threadgroup=threads)
        np.testing.assert_array_equal(o, wanted(kernel, turns, entry, threads))


def test_a_case_that_never_comes_before_such_a_loop():
    """The barrier is nowhere once all values have a case."""
    import anymetal

    text = HEAD + """
KERNEL(never) {
  int left = turns;
  switch (entry & 3) { case 0: case 1: case 2: case 3: break; default: MEET; }
  switch (entry) { case 0: do { o[i] += 2; case 1: o[i] += 1; } while (--left > 0); }
}"""
    o = np.zeros(64, np.int32)
    anymetal.Library(text).kernel("never")(A.astype(np.int32), o, np.int32(3), np.int32(1), grid=64, threadgroup=64)
    np.testing.assert_array_equal(o, np.full(64, 7))
