"""Pointers that kernels load from their buffers: right, inside of what they point into, and as vectors."""

import pathlib
import subprocess

import numpy as np
import pytest

import anymetal

ANYMETAL = pathlib.Path(anymetal.__file__).absolute().parents[2] / "tools" / "anymetal"
TEXT = """#include <metal_stdlib>
using namespace metal;
struct Node { device const float* x; device float* y; constant int* table; int n; };
struct Rows { device float* rows[4]; };
kernel void members(constant Node& a, uint i [[thread_position_in_grid]]) {
  a.y[i] = a.x[i] * 2 + a.table[i % 3] + a.n;
}
kernel void outside(constant Node& a, uint i [[thread_position_in_grid]]) { a.y[i * 2] = a.x[int(i) * 2 - 4]; }
kernel void rows(constant Rows& r, uint2 p [[thread_position_in_grid]]) { r.rows[p.y][p.x] += p.y * 100 + p.x; }
kernel void by_lane(device float* constant* r, device float* out, uint i [[thread_position_in_grid]]) {
  out[i] = r[i & 1][i / 2];
}
kernel void own_list(constant Rows& r, device float* out, uint i [[thread_position_in_grid]]) {
  device float* mine[2] = {r.rows[0], out};
  mine[i & 1][i] = i;
}
kernel void rows_in_front(device const float* a, device const int* at, device float* out, uint i [[thread_position_in_grid]]) {
  device const float* row[4];
  for (int r = 0; r < 4; ++r) row[r] = a + (r - 1) * 8;
  out[i] = row[at[i] & 3][8 + int(i & 7)];
}
kernel void ends(device float* a, device float* b, device const int* at, uint i [[thread_position_in_grid]]) {
  device float* end[2] = {a + 8, b + 8};
  *(end[at[i] & 1] - 1 - int(i & 7)) = float(i + 1);
}
struct View { device const float* p; int n; };
kernel void views(device const float* a, device const float* b, device const int* at, device float* out, uint i [[thread_position_in_grid]]) {
  View v[2] = {{a - 4, 8}, {b - 4, 8}};
  if (at[i] == 9) { device const float* swapped = v[0].p; v[0].p = v[1].p; v[1].p = swapped; }
  View w = v[at[i] & 1];
  out[i] = w.p[4 + int(i & 7)] + w.n;
}
kernel void neighbours(device const int* a, device const int* b, device const int* at, device int* out, uint i [[thread_position_in_grid]]) {
  device const int* p[2] = {a + 4, a + 8};
  device const int* q[2] = {a, b};
  out[i] = p[at[i] & 1][int(i & 3) - 4] + q[at[i] >> 1 & 1][int(i & 3) + 8];
}
struct Long { device float* p; int n; int m; long rest[8]; };
template <typename T> void copy_between(device float* a, device float* b, device const int* at, device float* out, uint i) {
  T s[4], r[4];
  for (int k = 0; k < 4; ++k) { s[k] = T{a + k}; r[k] = T{b + k}; }
  for (int k = 0; k < at[0]; ++k) s[(k + at[1]) & 3] = r[(k + int(i)) & 3];
  out[i] = *(s[at[1] & 3].p + 8);
}
struct Two { device float* p; int n; int m; };
struct One { device float* p; };
kernel void copies_of_one(device float* a, device float* b, device const int* at, device float* out, uint i [[thread_position_in_grid]]) { copy_between<One>(a, b, at, out, i); }
kernel void copies_of_two(device float* a, device float* b, device const int* at, device float* out, uint i [[thread_position_in_grid]]) { copy_between<Two>(a, b, at, out, i); }
kernel void copies_of_long(device float* a, device float* b, device const int* at, device float* out, uint i [[thread_position_in_grid]]) { copy_between<Long>(a, b, at, out, i); }
union Either { device float* p; ulong bits; };
kernel void by_bits(device float* a, device float* b, device const int* at, device float* out, uint i [[thread_position_in_grid]]) {
  Either s[4];
  for (int k = 0; k < 4; ++k) s[k].p = a + k;
  for (int k = 0; k < at[0]; ++k) s[(k + at[1]) & 3].bits = ulong(b) + 4 * ((ulong(k) + i) & 3);
  out[i] = *(s[at[1] & 3].p + 8);
}
struct Odd { char kind; device const float* p; char3 c; half h; };
template <typename T> void move_around(device const float* a, device const float* b, device const int* at, device float* out, uint i) {
  T s[4], old[2];
  for (int k = 0; k < 4; ++k) { s[k] = T{}; s[k].p = (k & 1 ? b : a) + 8; }
  for (int k = 0; k < at[0]; ++k) {
    old[k & 1] = s[(k + at[1]) & 3];
    s[(k + at[1]) & 3] = s[(k + int(i)) & 3];
    s[(k + int(i)) & 3] = old[k & 1];
  }
  out[i] = s[at[1] & 3].p[-1 - int(i & 7)];
}
struct Marked { device const float* p; ushort n; };
kernel void swapped_by_thirds(device const float* a, device const float* b, device const int* at, device float* out, uint i [[thread_position_in_grid]]) {
  Marked s[3] = {};
  uint x = i + uint(at[0]);
  s[x % 3].p = a + 8;
  s[x % 3].n = 7;
  { Marked t = s[x % 3]; s[x % 3] = s[x / 3 % 3]; s[x / 3 % 3] = t; }
  out[i] = s[x / 3 % 3].p[-1 - int(i & 7)] + s[x / 3 % 3].n;
}
kernel void copied_and_moved(device const float* a, device const float* b, device const int* at, device float* out, uint i [[thread_position_in_grid]]) {
  Marked s[2] = {};
  int k = at[0] + at[1];
  s[k & 1].p = a + 8;
  s[0] = s[1];
  s[(k >> 1) & 1].p = s[0].p + 1;
  out[i] = s[0].p[-1 - int(i & 7)] + s[(k >> 1) & 1].p[-2 - int(i & 7)];
}
struct Read { device const float* p; };
struct Piece { device const float* p; int n; int m; };
kernel void moves_of_read(device const float* a, device const float* b, device const int* at, device float* out, uint i [[thread_position_in_grid]]) { move_around<Read>(a, b, at, out, i); }
kernel void moves_of_piece(device const float* a, device const float* b, device const int* at, device float* out, uint i [[thread_position_in_grid]]) { move_around<Piece>(a, b, at, out, i); }
kernel void moves_of_odd(device const float* a, device const float* b, device const int* at, device float* out, uint i [[thread_position_in_grid]]) { move_around<Odd>(a, b, at, out, i); }
kernel void keep_the_rest(device const float* a, device const int* at, device int* out, uint i [[thread_position_in_grid]]) {
  Odd s[4];
  for (int k = 0; k < 4; ++k) s[k] = Odd{char(k), a + k, char3(k + 1, k + 2, k + 3), half(k + 4)};
  for (int k = 0; k < at[0]; ++k) s[(k + at[1]) & 3] = s[(k + int(i)) & 3];
  Odd one = s[at[1] & 3];
  out[i] = one.kind + 10 * int(one.p[0]) + 100 * one.c.x + 1000 * one.c.z + 10000 * int(one.h);
}
kernel void numbers_beside(device float* a, device float* b, device const int* at, device float* out, uint i [[thread_position_in_grid]]) {
  struct { device float* p; float w[3]; } l;
  l.p = a + 8;
  for (int k = 0; k < 3; ++k) l.w[(k + at[0]) % 3] = k;
  out[i] = l.p[-1 - int(i & 7)] + l.w[at[1]] + l.p[0];
  if (i == 0) l.p[1] = 99;
}
kernel void many_of_one(device float* a, device float* b, device const int* at, device float* out, uint i [[thread_position_in_grid]]) {
  device float* p[70];
  for (int k = 0; k < 70; ++k) p[(k + at[0]) % 70] = a + 8;
  out[i] = p[at[1]][-1 - int(i & 7)];
}
kernel void sorted_rows(device const int* a, device const int* at, device int* out, uint i [[thread_position_in_grid]]) {
  device const int* rows[4];
  for (int k = 0; k < 4; ++k) rows[k] = a + (4 * int(i) + k) * 2;
  for (int n = at[0]; n > 0; --n)
    for (int k = 0; k < n; ++k) {
      device const int *one = rows[k], *next = rows[k + 1];
      if (one[0] > next[0]) { rows[k] = next; rows[k + 1] = one; }
    }
  for (int k = 0; k < 4; ++k) out[4 * i + k] = rows[k][1];
}
kernel void sorted_rows_of_a_tile(device const int* a, device const int* at, device int* out, uint i [[thread_position_in_grid]], uint l [[thread_position_in_threadgroup]]) {
  threadgroup int tile[32 * 8];
  for (int k = 0; k < 8; ++k) tile[8 * l + k] = a[8 * i + k];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  threadgroup int* rows[4];
  for (int k = 0; k <= at[0]; ++k) rows[k] = tile + 8 * l + 2 * k;
  for (int n = at[0]; n > 0; --n)
    for (int k = 0; k < n; ++k) {
      threadgroup int *one = rows[k], *next = rows[k + 1];
      if (one[0] > next[0]) { rows[k] = next; rows[k + 1] = one; }
    }
  for (int k = 0; k <= at[0]; ++k) out[4 * i + k] = rows[k][1];
}
kernel void rows_where_a_buffer_says(device const float* a, device const float* b, device const int* at, device float* out, uint i [[thread_position_in_grid]]) {
  View rows[2] = {{a - 8, 1}, {b - 8, 2}};
  rows[at[0]] = rows[at[1]];
  out[i] = rows[i & 1].p[8 + (i & 7)] + rows[i & 1].n * 1000;
}
kernel void ring_of_rows(device const float* a, device const float* b, device const int* at, device float* out, uint i [[thread_position_in_grid]]) {
  View rows[3] = {};
  for (int k = 0; k < 3 + at[0]; ++k) {
    View now = {((int(i) >> k) & 1 ? a : b) - 8, k};
    rows[0] = rows[1]; rows[1] = rows[2]; rows[2] = now;
  }
  out[i] = rows[i % 3].p[8 + (i & 7)] + rows[i % 3].n * 1000;
}
kernel void constant_one(device const int* in, device int* out, device const int* at, uint i [[thread_position_in_grid]]) {
  device int* p[2] = {(device int*)in, out};
  p[at[i] & 1][i] = 5;
}
"""


@pytest.fixture(scope="module")
def library():
    return anymetal.Library(TEXT, name="pointers.metal")


def node():
    return {"x": np.arange(50, dtype=np.float32), "y": np.zeros(50, np.float32), "table": np.array([1, 2, 3], np.int32), "n": 7}


def test_members(library):
    a = node()
    library.kernel("members")(a, grid=50)
    np.testing.assert_array_equal(a["y"], a["x"] * 2 + a["table"][np.arange(50) % 3] + 7)


@pytest.mark.goes_on_outside
def test_outside(library):
    a = node()
    library.kernel("outside")(a, grid=60)
    want = np.zeros(50, np.float32)
    want[4::2] = a["x"][np.arange(0, 46, 2)]
    np.testing.assert_array_equal(a["y"], want)


@pytest.mark.goes_on_outside
def test_lists(library):
    rows = [np.zeros(20, np.float32) for _ in range(4)]
    library.kernel("rows")({"rows": rows}, grid=(30, 4))
    for k, row in enumerate(rows):
        np.testing.assert_array_equal(row, k * 100 + np.arange(20))
    out = np.zeros(40, np.float32)
    library.kernel("by_lane")(rows[:2], out, grid=40)
    np.testing.assert_array_equal(out, [rows[i & 1][i // 2] for i in range(40)])
    out[:] = -1
    library.kernel("own_list")({"rows": rows}, out, grid=16)
    np.testing.assert_array_equal(out[:16], [i if i & 1 else -1 for i in range(16)])
    np.testing.assert_array_equal(rows[0][:16:2], np.arange(0, 16, 2))


@pytest.mark.parametrize("first, second", [((0, 8), (0, 32)), ((0, 32), (0, 8)), ((4, 8), (2, 32)), ((4, 8), (4, 32)), ((20, 32), (0, 21))])
def test_arrays_that_share_memory(first, second):
    library = anymetal.Library("""#include <metal_stdlib>
using namespace metal;
struct Two { device float* first; device float* second; };
struct One { device float* all; };
kernel void both(constant Two& t, device float* out, uint i [[thread_position_in_grid]]) {
  out[i] = t.second[i];
  t.second[i] = 100 + i;
}
kernel void bound(constant One& o, device float* part, device float* out, uint i [[thread_position_in_grid]]) {
  out[i] = o.all[i];
  if (i == 0) part[0] = 7;
}
""")
    x, out = np.arange(32, dtype=np.float32), np.zeros(32, np.float32)
    part, whole = x[slice(*first)], x[slice(*second)]
    want = whole.copy()
    library.kernel("both")({"first": part, "second": whole}, out, grid=whole.size)
    np.testing.assert_array_equal(out[:whole.size], want)
    np.testing.assert_array_equal(whole, 100 + np.arange(whole.size))
    x[:] = np.arange(32)
    library.kernel("bound")({"all": x}, part, out, grid=32)
    np.testing.assert_array_equal(np.delete(out, first[0]), np.delete(np.arange(32), first[0]))
    assert part[0] == 7


@pytest.mark.parametrize("threadgroup", [(4, 4), (8, 4), (16, 4), (32, 4), (16, 2)])
def test_a_pointer_for_each_row(threadgroup):
    library = anymetal.Library("""#include <metal_stdlib>
using namespace metal;
struct Four { device const uint* rows[4]; };
kernel void four(device uint* o, constant Four& f, uint2 at [[thread_position_in_grid]]) {
  o[at.y * 32 + at.x] = f.rows[at.y & 3][at.x];
}
""")
    rows = [np.arange(32, dtype=np.uint32) + 100 * i for i in range(4)]
    o = np.zeros((4, 32), np.uint32)
    library.kernel("four")(o, {"rows": rows}, grid=(32, 4), threadgroup=threadgroup)
    np.testing.assert_array_equal(o, rows)


@pytest.mark.parametrize("kernel", ["members", "outside", "rows", "by_lane", "own_list"])
def test_have_vectors(kernel, tmp_path):
    """Not the reference executor's, which would be right as well."""
    (tmp_path / "pointers.metal").write_text(TEXT)
    done = subprocess.run([ANYMETAL, "compile", tmp_path / "pointers.metal", "--emit=simt", "--kernel", kernel, "--threadgroup", "64"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.goes_on_outside
def test_pointers_in_variables_belong_to_what_they_were_computed_from(library):
    """Also where they point to nothing, or to a neighbour, before an index leads them back."""
    at = (np.arange(16) // 8).astype(np.int32)
    image = np.arange(1, 41).astype(np.float32)
    out = np.zeros(32, np.float32)
    library.kernel("rows_in_front")(image, (np.arange(32) // 8).astype(np.int32), out, grid=32, threadgroup=8)
    np.testing.assert_array_equal(out, image[:32])
    a, b = np.zeros(8, np.float32), np.zeros(8, np.float32)
    library.kernel("ends")(a, b, at, grid=16, threadgroup=8)
    np.testing.assert_array_equal(np.concatenate([a[::-1], b[::-1]]), np.arange(1, 17))
    for swapped in (at, at + 8):
        out = np.zeros(16, np.float32)
        library.kernel("views")(a, b, swapped, out, grid=16, threadgroup=8)
        want = np.concatenate([a, b])
        if swapped is not at:
            want[8:] = a  # 9 & 1 is the second, which holds the first now
        np.testing.assert_array_equal(out, want + 8)
    both, out = np.arange(1, 17).astype(np.int32), np.zeros(16, np.int32)
    library.kernel("neighbours")(both[:8], both[8:], (np.arange(16) // 4).astype(np.int32), out, grid=16, threadgroup=16)
    np.testing.assert_array_equal(out, np.concatenate([both[at] for at in (range(4), range(4, 8)) * 2]))


@pytest.mark.goes_on_outside
def test_const_buffers_stay_as_they_are_through_pointers_in_variables(library):
    a, out = np.zeros(8, np.int32), np.zeros(8, np.int32)
    at = (np.arange(8) & 1).astype(np.int32)
    library.kernel("constant_one")(a, out, at, grid=8, threadgroup=8)
    np.testing.assert_array_equal(a, 0)
    np.testing.assert_array_equal(out, at * 5)


@pytest.mark.goes_on_outside
@pytest.mark.parametrize("kernel", ["copies_of_one", "copies_of_two", "copies_of_long", "by_bits"])
def test_pointers_in_variables_that_come_as_bytes(library, kernel):
    """A struct's copy is no pointer's store, and it changes to which buffer the pointer belongs."""
    a, b, threads = np.arange(100, 116).astype(np.float32), np.arange(500, 516).astype(np.float32), 40
    for count, first in ((0, 0), (1, 0), (1, 1), (2, 0), (4, 3)):
        out = np.zeros(threads, np.float32)
        library.kernel(kernel)(a, b, np.array([count, first], np.int32), out, grid=threads, threadgroup=32)
        want = np.full(threads, a[8 + first]) if count == 0 else b[8 + (np.arange(threads) & 3)]
        np.testing.assert_array_equal(out, want, str((count, first)))


@pytest.mark.goes_on_outside
@pytest.mark.parametrize("kernel", ["moves_of_read", "moves_of_piece", "moves_of_odd"])
def test_structs_take_along_what_their_pointers_belong_to(library, kernel):
    """All of them point behind their buffer, where another one may begin."""
    a, b, threads = np.arange(100, 108).astype(np.float32), np.arange(500, 508).astype(np.float32), 40
    for count, first in ((0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (3, 1), (9, 2)):
        out, want = np.zeros(threads, np.float32), np.zeros(threads, np.float32)
        library.kernel(kernel)(a, b, np.array([count, first], np.int32), out, grid=threads, threadgroup=32)
        for i in range(threads):
            s = [a, b, a, b]
            for k in range(count):
                one, other = (k + first) & 3, (k + i) & 3
                s[one], s[other] = s[other], s[one]
            want[i] = s[first & 3][7 - (i & 7)]
        np.testing.assert_array_equal(out, want, str((count, first)))


def test_structs_with_pointers_are_copied_whole(library):
    a, threads = np.arange(4).astype(np.float32), 40
    out = np.zeros(threads, np.int32)
    library.kernel("keep_the_rest")(a, np.array([1, 1], np.int32), out, grid=threads, threadgroup=32)
    k = np.arange(threads) & 3
    np.testing.assert_array_equal(out, k + 10 * k + 100 * (k + 1) + 1000 * (k + 3) + 10000 * (k + 4))


@pytest.mark.goes_on_outside
def test_pointers_beside_numbers_and_in_large_arrays(library):
    both = np.arange(16).astype(np.float32)
    for kernel, more in (("numbers_beside", 1), ("many_of_one", 0), ("swapped_by_thirds", 7), ("copied_and_moved", 7 - (np.arange(40) & 7))):
        out = np.zeros(40, np.float32)
        library.kernel(kernel)(both[:8], both[8:], np.array([1, 2], np.int32), out, grid=40, threadgroup=32)
        np.testing.assert_array_equal(out, 7 - (np.arange(40) & 7) + more)
    np.testing.assert_array_equal(both, np.arange(16))


@pytest.mark.parametrize("kernel", ["sorted_rows", "sorted_rows_of_a_tile"])
def test_pointers_are_sorted(library, kernel):
    """By what they point to: of each that is loaded and stored again it is asked where it points."""
    a = np.random.default_rng(1).permutation(40 * 8).astype(np.int32).reshape(40, 4, 2)
    out = np.zeros((40, 4), np.int32)
    library.kernel(kernel)(a, np.array([3], np.int32), out, grid=40, threadgroup=32)
    order = a[:, :, 0].argsort(1)
    np.testing.assert_array_equal(out, np.take_along_axis(a[:, :, 1], order, 1))


@pytest.mark.goes_on_outside
def test_structs_keep_their_buffers_where_nothing_is_known_of_the_index(library):
    a, b, i = np.arange(8).astype(np.float32), np.arange(100, 108).astype(np.float32), np.arange(40)
    for to, from_ in ((0, 0), (0, 1), (1, 0)):
        out = np.zeros(40, np.float32)
        library.kernel("rows_where_a_buffer_says")(a, b, np.array([to, from_], np.int32), out, grid=40, threadgroup=32)
        rows = [0, 1]
        rows[to] = rows[from_]
        which = np.array(rows)[i & 1]
        np.testing.assert_array_equal(out, np.where(which == 0, a[i & 7] + 1000, b[i & 7] + 2000))
    for more in (0, 2):
        out = np.zeros(40, np.float32)
        library.kernel("ring_of_rows")(a, b, np.array([more, 0], np.int32), out, grid=40, threadgroup=32)
        k = more + i % 3
        np.testing.assert_array_equal(out, np.where((i >> k) & 1, a[i & 7], b[i & 7]) + 1000 * k)
