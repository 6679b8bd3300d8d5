"""Barriers behind which some have gone home, and that simdgroups come to by ways and in numbers of their own."""

import pytest

np = pytest.importorskip("numpy")

TEXT = """#include <metal_stdlib>
using namespace metal;
#define MEET threadgroup_barrier(mem_flags::mem_threadgroup)
#define KERNEL(name, ...) kernel void name(device uint* o, __VA_ARGS__, uint t [[thread_index_in_threadgroup]], \\
  uint2 p [[thread_position_in_threadgroup]], uint count [[threads_per_threadgroup]], uint sg [[simdgroup_index_in_threadgroup]])
#define RETURN_KERNEL(name, ...) kernel void name(device uint* o, __VA_ARGS__, constant uint& n, uint t [[thread_index_in_threadgroup]], \\
  uint sg [[simdgroup_index_in_threadgroup]])

RETURN_KERNEL(list, device const int* next) {
  threadgroup uint shared[1024];
  if (t >= n) return;
  uint s = 0;
  for (int k = next[0]; k != -1; k = next[k]) s += uint(k) * t;
  shared[t] = s;
  MEET;
  o[t] = s + shared[0];
}
RETURN_KERNEL(strides, device const int* stride) {
  threadgroup uint shared[32];
  if (t >= n) return;
  const int each = stride[sg];
  uint s = 0;
  for (int i = 0; i < 7; i += each) {
    if (t % 32 == 0) shared[sg] = i;
    MEET;
    s += shared[0];
    MEET;
  }
  o[t] = s;
}
RETURN_KERNEL(indices, device const ulong* place) {
  threadgroup uchar shared[8];
  const ulong k = place[sg];
  if (t < 8) shared[t] = t;
  MEET;
  if (t >= n | k >= 8) return;
  const uint v = shared[k];
  MEET;
  o[t] = v + 1;
}
RETURN_KERNEL(turns, device const int* x) {
  threadgroup uint shared[1024];
  uint s = t;
  shared[t] = t;
  for (uint k = 0; k < 40; ++k) {
    MEET;
    s += shared[0] + uint(x[k]);
    MEET;
    if (t / 32 == k || s > 100000) { o[t] = s; return; }
  }
}
RETURN_KERNEL(in_a_loop, device const int* x) {
  int u = x[0];
  for (int k = 0; k < 3; ++k) {
    if ((u & 1) == 0) {
      if (t >= n) { o[t] = 99; return; }
      MEET;
      u = x[0] + k;
    }
  }
  o[t] = u;
}
RETURN_KERNEL(stores_first, device const int* x) {
  threadgroup uint shared[1024];
  uint s = t, k = 0;
  if (t < 3) s += 5;
  else if (t >= n) { o[t] = 99; return; }
  while (k < 13) {
    if (x[k & 7] > 4) { k += 3; continue; }
    s += k;
    k += 1;
  }
  shared[t] = s;
  MEET;
  o[t] = s + shared[0];
}
KERNEL(skipped, constant uint& n, device const uint* x) {
  threadgroup uint shared[1024];
  uint s = t;
  if (t < n) {
    for (uint k = 0; k < 9; k += x[sg]) s += k;
    shared[t] = s;
    MEET;
    s += shared[0];
  }
  o[t] = s;
}
KERNEL(one_of_two_ways, device const uint* x, constant uint& m, device const uint* turns) {
  threadgroup uint shared[1024];
  uint s = x[t], i = 0;
  do {
    if (m == 2) o[1024 + t] = i;
    else { MEET; s += shared[t ^ 1]; }
  } while (++i < turns[sg]);
  shared[t] = s;
  MEET;
  o[t] = shared[(t + 32) % count];
}
KERNEL(behind_counts, device const uint* x) {
  threadgroup uint shared[128];
  shared[t] = x[t];
  uint s = t;
  for (uint i = 0; i < 4 - sg; ++i) {
    MEET;
    if (i == 1 || i == 3) s = s * 3 + shared[96 + (i * 17 + t) % 32];
  }
  shared[t] = t * 7;
  for (uint i = 0; i < sg; ++i) MEET;
  o[t] = s;
}
kernel void rows(device uint* o, device const uint* x, uint t [[thread_index_in_threadgroup]], uint2 p [[thread_position_in_threadgroup]]) {
  threadgroup uint shared[64];
  if (t < 64) shared[t] = x[t];
  uint s = t;
  MEET;
  for (uint i = 0; i < 2 + 2 * p.y; ++i) {
    if (i != 2) s = s * 3 + shared[(i * 17 + t) % 64];
    MEET;
  }
  if (p.y == 0) shared[t % 64] = t * 7 + 5;
  for (uint j = 0; j < 8 - 2 * p.y; ++j) MEET;
  o[t] = s;
}
RETURN_KERNEL(counted_by_those_who_stay, device const int* turns) {
  threadgroup atomic_int met;
  if (t == 0) atomic_store_explicit(&met, 0, memory_order_relaxed);
  MEET;
  if (t >= n) return;
  for (int k = 0; k < turns[sg]; ++k) { MEET; MEET; }
  atomic_fetch_add_explicit(&met, 1, memory_order_relaxed);
  MEET;
  o[t] = atomic_load_explicit(&met, memory_order_relaxed);
}
#define EITHER(b, c) if (!chosen) { simdgroup_barrier(mem_flags::mem_none); chosen = b; } \\
  if (!chosen) { simdgroup_barrier(mem_flags::mem_none); chosen = c; }
#define HORNER uint v = 0; for (uint i = 0; i < m; ++i) { v = v * 3 + x[v % 7 + i]; o[1024 + sg] = v; }
KERNEL(numbers, device const uint* x, constant uint& m) {
  threadgroup uint shared[128];
  shared[t] = x[t];
  MEET;
  bool chosen = m == 1;
  EITHER(m == 4, m == 10)
  uint y;
  if (chosen) y = sg;
  else { HORNER y = v; }
  o[t] = y + shared[(t + 33) % 128];
}
KERNEL(arrays, device const uint* x, constant uint& m) {
  threadgroup uint shared[128];
  uint a[8], b[8];
  for (uint i = 0; i < 8; ++i) { a[i] = x[t + i]; b[i] = x[t + 9 * i]; }
  shared[t] = x[t];
  MEET;
  bool chosen = m == 1;
  EITHER(m == 4, m == 10)
  thread uint* q = b;
  if (chosen) q = a;
  else { HORNER b[v & 7] = v; }
  q[m & 7] += 5;
  MEET;
  o[t] = q[shared[(t + 33) % 128] & 7] + a[m & 7] + b[m & 7];
}
KERNEL(simdgroups, device const uint* x, constant uint& m) {
  threadgroup uint shared[352];
  shared[t] = x[t];
  MEET;
  bool chosen = m == 77;
  if (!chosen) {
    shared[t] += 5;
    MEET;
    chosen = sg == 1;
    EITHER(sg == 4, sg == 10)
  }
  if (chosen) o[1024 + t] = shared[t] * 7;
  o[t] = shared[(t + 33) % 128];
}
"""
X = np.random.default_rng(5).integers(0, 1000, 4096).astype(np.uint32)


@pytest.fixture(scope="module")
def launch():
    import anymetal

    library = anymetal.Library(TEXT)

    def launch(kernel, *arguments, threads):
        o = np.zeros(2048, np.uint32)
        library.kernel(kernel)(o, *arguments, grid=threads, threadgroup=threads)
        return o

    return launch


# ---- Lanes and simdgroups that have returned

SIZES = [(20, 32), (30, 64), (30, 100), (60, 256), (100, 100), (33, 1024), (0, 256)]


@pytest.mark.parametrize(("n", "threads"), SIZES)
def test_a_list_that_is_walked_by_those_who_stay(launch, n, threads):
    """Who has gone home reads nothing, and would never see the list's end."""
    o = launch("list", np.array([2, -1, 1], np.int32), np.uint32(n), threads=threads)
    np.testing.assert_array_equal(o, [3 * t if t < n else 0 for t in range(2048)])


@pytest.mark.parametrize(("n", "threads"), SIZES)
def test_turns_with_barriers_that_those_who_stay_count(launch, n, threads):
    stride = np.full(max(1, -(-n // 32)), 2, np.int32)
    o = launch("strides", stride, np.uint32(n), threads=threads)
    np.testing.assert_array_equal(o, [12 if t < n else 0 for t in range(2048)])


@pytest.mark.parametrize(("n", "threads"), SIZES)
def test_what_only_those_who_stay_may_read(launch, n, threads):
    place = np.array([1, 1 << 40, 3, 1 << 40, *[7] * 28], np.uint64)
    o = launch("indices", place, np.uint32(n), threads=threads)
    np.testing.assert_array_equal(o, [int(place[t // 32]) + 1 if t < n and place[t // 32] < 8 else 0 for t in range(2048)])


@pytest.mark.parametrize("threads", [32, 50, 256, 1024])
def test_simdgroups_that_return_in_turns_of_their_own(launch, threads):
    x = np.arange(40, dtype=np.int32)
    o = launch("turns", x, np.uint32(0), threads=threads)
    np.testing.assert_array_equal(o, [t + int(x[:t // 32 + 1].sum()) if t < threads else 0 for t in range(2048)])


@pytest.mark.parametrize(("n", "threads"), SIZES)
def test_a_return_on_one_of_two_ways_through_a_loop(launch, n, threads):
    o = launch("in_a_loop", np.array([2], np.int32), np.uint32(n), threads=threads)
    np.testing.assert_array_equal(o[:threads], [3 if t < n else 99 for t in range(threads)])


@pytest.mark.parametrize(("n", "threads"), SIZES)
def test_a_return_behind_a_store(launch, n, threads):
    o = launch("stores_first", np.array([0, 5, 2, 7, 1, 6, 3, 9], np.int32), np.uint32(n), threads=threads)
    k = turns = 0
    while k < 13:
        far = (0, 5, 2, 7, 1, 6, 3, 9)[k & 7] > 4
        turns, k = (turns, k + 3) if far else (turns + k, k + 1)
    np.testing.assert_array_equal(o[:threads], [t + 5 * (t < 3) + 2 * turns + 5 if t < max(n, 3) else 99 for t in range(threads)])


@pytest.mark.parametrize(("n", "threads"), [(n, threads) for n, threads in SIZES if n])
def test_a_barrier_that_whole_simdgroups_skip(launch, n, threads):
    """Undefined in Metal; whoever skips it must not go round in what is before it."""
    x = np.zeros(32, np.uint32)
    x[:-(-n // 32)] = 3
    o = launch("skipped", np.uint32(n), x, threads=threads)
    np.testing.assert_array_equal(o[:threads], [t + 18 if t < n else t for t in range(threads)])


# ---- Barriers by count

@pytest.mark.parametrize("threads", [64, 96, 128, 256])
def test_turns_without_a_barrier_count_as_none(launch, threads):
    o = launch("one_of_two_ways", X, np.uint32(2), np.array([1, 3, 2, 1, 3, 2, 1, 3], np.uint32), threads=threads)
    np.testing.assert_array_equal(o[:threads], X[(np.arange(threads) + 32) % threads])


@pytest.mark.parametrize("n", [120, 128])
def test_simdgroups_some_lanes_of_which_returned_count_for_themselves(launch, n):
    """Those with one turn meet behind the loop where the others still are in it."""
    o = launch("counted_by_those_who_stay", np.array([2, 1, 1, 2], np.int32), np.uint32(n), threads=128)
    np.testing.assert_array_equal(o[:n:32], [n, 64, 64, n])


@pytest.mark.parametrize("condition", ["sg < T / 64", "t < T / 2", "t / 32 < T / 64", "(t % T) * 2 < T"])
@pytest.mark.parametrize("threads", [64, 128, 256])
def test_halves_that_meet_each_by_a_way_of_its_own(condition, threads):
    """However it is written which half a thread belongs to."""
    import anymetal

    text = TEXT + """
KERNEL(halves, device const uint* x, constant uint& n) {
  threadgroup uint shared[256];
  const uint T = count;
  uint s = 0;
  if (CONDITION) { for (uint j = 0; j < n; ++j) { shared[t] = x[j * T + t]; MEET; s += shared[t + T / 2]; MEET; } }
  else { for (uint j = 0; j < n; ++j) { shared[t] = 2 * x[j * T + t]; MEET; s += shared[t - T / 2]; MEET; } }
  o[t] = s;
}"""
    o = np.zeros(threads, np.uint32)
    anymetal.Library(text.replace("CONDITION", condition)).kernel("halves")(o, X, np.uint32(5), grid=threads, threadgroup=threads)
    sums = X[:5 * threads].reshape(5, threads).sum(0)
    half = threads // 2
    np.testing.assert_array_equal(o, np.concatenate([2 * sums[half:], sums[:half]]))


def test_no_barrier_is_added_behind_some_that_are_counted(launch):
    o = launch("behind_counts", X, threads=128)
    for t in range(128):
        s = t
        for i in range(4 - t // 32):
            s = s * 3 + (96 + (i * 17 + t) % 32) * 7 if i in (1, 3) else s
        assert o[t] == s, t


def test_rows_of_simdgroups_that_count_alike(launch):
    import anymetal

    o = np.zeros(256, np.uint32)
    anymetal.Library(TEXT).kernel("rows")(o, X, grid=(64, 4, 1), threadgroup=(64, 4, 1))
    for t in range(256):
        s = t
        for i in range(2 + 2 * (t // 64)):
            at = (i * 17 + t) % 64
            s = s * 3 + (at * 7 + 5 if i > 2 else int(X[at])) if i != 2 else s
        assert o[t] == s, t


# ---- Conditions that LLVM makes switches of

def horner(m):
    v = 0
    for i in range(m):
        v = (v * 3 + int(X[v % 7 + i])) % 2**32
    return v


@pytest.mark.parametrize("m", [1, 4, 5, 10])
def test_a_number_that_comes_by_several_cases(launch, m):
    o = launch("numbers", X, np.uint32(m), threads=128)
    y = np.arange(128) // 32 if m in (1, 4, 10) else horner(m)
    np.testing.assert_array_equal(o[:128], (y + X[(np.arange(128) + 33) % 128].astype(np.int64)) % 2**32)


@pytest.mark.parametrize("m", [1, 4, 5, 10])
def test_an_array_that_comes_by_several_cases(launch, m):
    o = launch("arrays", X, np.uint32(m), threads=128)
    for t in range(128):
        a, b = [int(X[t + i]) for i in range(8)], [int(X[t + 9 * i]) for i in range(8)]
        q = a if m in (1, 4, 10) else b
        if q is b:
            b[horner(m) & 7] = horner(m)
        q[m & 7] += 5
        assert o[t] == (q[X[(t + 33) % 128] & 7] + a[m & 7] + b[m & 7]) % 2**32, t


@pytest.mark.parametrize("m", [5, 77])
def test_simdgroups_that_come_by_several_cases(launch, m):
    o = launch("simdgroups", X, np.uint32(m), threads=352)
    more = 0 if m == 77 else 5
    np.testing.assert_array_equal(o[:352], X[(np.arange(352) + 33) % 128] + more)
    chosen = np.isin(np.arange(352) // 32, (1, 4, 10)) | (m == 77)
    np.testing.assert_array_equal(o[1024:1376], np.where(chosen, (X[:352] + more) * 7, 0))


def test_what_simdgroups_leave_loops_with_is_their_own_behind_a_barrier_that_is_passed_by():
    """Each goes round as often as its numbers say; to others the value is the same in each turn."""
    import anymetal

    library = anymetal.Library("""#include <metal_stdlib>
using namespace metal;
kernel void k(device const int* a, device int* o, constant int& n, uint i [[thread_position_in_grid]], uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  int v = 2;
  for (int k = 4; k >= 0; --k) { v = a[(k * 3 + 21) & 255] - v * 3; if ((a[(simdgroup + k) & 255] & 1) != 0) continue; if ((n & 2) != 0) break; }
  o[2 * i] = v;
  if ((a[(n + 156) & 255] & 2) != 0) {
    int w = 2;
    for (int k = 0;; ++k) { w = a[(k * 3 + 89) & 255] - w * 5; if ((a[(simdgroup + k * 3) & 255] & 7) != 0 && k < 11) continue; if ((n & 2) != 0 || k > 9) break; }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    v *= w;
  }
  o[2 * i + 1] = v;
}
""")
    for seed in range(8):
        a, n, o = np.random.default_rng(seed).integers(-20, 20, 256).astype(np.int32), 2, np.zeros((3, 32, 2), np.int32)
        library.kernel("k")(a, o, np.int32(n), grid=96, threadgroup=96)
        for simdgroup in range(3):
            v = w = 2
            for k in range(4, -1, -1):
                v = int(a[k * 3 + 21]) - v * 3
                if not a[simdgroup + k] & 1:
                    break
            first = v
            if a[n + 156] & 2:
                for k in range(12):
                    w = int(a[k * 3 + 89]) - w * 5
                    if not (a[simdgroup + k * 3] & 7 and k < 11):
                        break
                v *= w
            wanted = np.array([first, v]).astype(np.int32)  # modulo 2^32
            np.testing.assert_array_equal(o[simdgroup], np.tile(wanted, (32, 1)), f"{seed} {simdgroup}")
