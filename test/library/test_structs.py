"""Structs that a thread keeps, and arrays of them, with indices that only the run knows."""

import os
import subprocess
import sys

import pytest

np = pytest.importorskip("numpy")

TEXT = """#include <metal_stdlib>
using namespace metal;
#define KERNEL(name) kernel void name(device const int* a, device int* o, uint i [[thread_position_in_grid]])
struct Stack { int items[32]; int top; };
void push(thread Stack& s, int x) { s.items[s.top++] = x; }
int pop(thread Stack& s) { return s.items[--s.top]; }
KERNEL(reversed_by_a_stack) {
  Stack s;
  s.top = 0;
  int n = a[i] & 15, r = 0;
  for (int k = 0; k < n; ++k) push(s, a[(i + k) & 63]);
  while (s.top > 0) r = r * 3 + pop(s);
  o[i] = r;
}
struct Item { float key; ushort at; };
KERNEL(sorted_by_a_heap) {
  Item heap[16];
  int n = 0;
  for (int k = 0; k < 16; ++k) {
    int c = n++;
    heap[c] = Item{float(a[(i + k) & 63]), ushort(k)};
    while (c > 0 && heap[c].key < heap[(c - 1) / 2].key) { Item t = heap[c]; heap[c] = heap[(c - 1) / 2]; heap[(c - 1) / 2] = t; c = (c - 1) / 2; }
  }
  int r = 0;
  while (n > 0) {
    Item first = heap[0];
    r = r * 5 + int(first.key) * 16 + first.at;
    heap[0] = heap[--n];
    for (int c = 0;;) {
      int least = c;
      for (int k = 1; k < 3; ++k) if (2 * c + k < n && heap[2 * c + k].key < heap[least].key) least = 2 * c + k;
      if (least == c) break;
      Item t = heap[c]; heap[c] = heap[least]; heap[least] = t;
      c = least;
    }
  }
  o[i] = r;
}
struct Context { uint h[4]; uchar piece[16]; uint fill; ulong total; };
void take(thread Context& c) { for (int k = 0; k < 16; ++k) c.h[k & 3] = c.h[k & 3] * 31 + c.piece[k] + c.h[(k + c.fill) & 3]; }
void add(thread Context& c, uchar x) { c.piece[c.fill++] = x; c.total += 8; if (c.fill == 16) { take(c); c.fill = 0; } }
KERNEL(sums_of_bytes) {
  Context c = {{1, 2, 3, 4}, {}, 0, 0};
  int n = 3 + (a[i] & 31);
  for (int k = 0; k < n; ++k) add(c, uchar(a[(i + k) & 63] * 7));
  take(c);
  o[i] = int(c.h[0] ^ c.h[1] ^ c.h[2] ^ c.h[3]) + int(c.total);
}
struct Inner { half w[3]; char kind; };
struct Outer { Inner inner[4]; float3 sum; int count; };
KERNEL(structs_in_structs) {
  Outer all[2];
  for (int j = 0; j < 2; ++j) {
    all[j].sum = 0;
    all[j].count = j;
    for (int k = 0; k < 4; ++k) all[j].inner[k] = Inner{{half(k), half(k + 1), half(j)}, char(k - j)};
  }
  for (int k = 0; k < 8; ++k) {
    int at = a[(i + k) & 63];
    all[at & 1].inner[at & 3].w[at % 3] += half(at & 7);
    all[at & 1].inner[(at >> 1) & 3].kind++;
    all[at & 1].sum[at % 3] += at & 3;
    if (at & 4) all[at & 1].inner[at & 3] = all[~at & 1].inner[(at >> 2) & 3];
    all[at & 1].count++;
  }
  int r = 0;
  for (int j = 0; j < 2; ++j) {
    Outer one = all[j];
    for (int k = 0; k < 4; ++k) for (int m = 0; m < 3; ++m) r = r * 3 + int(one.inner[k].w[m]) + one.inner[k].kind;
    r = r * 7 + int(one.sum.x + one.sum.y * 2 + one.sum.z * 4) + one.count;
  }
  o[i] = r;
}
struct Sides { int left[4]; int right[4]; ushort n; };
KERNEL(pointers_to_members) {
  Sides s{};
  for (int k = 0; k < 4; ++k) { s.left[k] = a[(i + k) & 63]; s.right[k] = k; }
  thread int* side = a[i] & 1 ? s.left : s.right;
  for (int k = 0; k < 4; ++k) side[(k + a[i]) & 3] += k;
  thread int& one = a[i] & 2 ? s.left[a[i] & 3] : s.right[a[i] & 3];
  one *= 3;
  s.n = ushort(one);
  int r = s.n;
  for (int k = 0; k < 4; ++k) r = r * 3 + s.left[k] + 2 * s.right[k];
  o[i] = r;
}
struct Words { uint x; uint y; uchar bytes[4]; uint z; };
KERNEL(a_walk_over_members) {
  Words s = {uint(a[i]), 2, {1, 2, 3, 4}, 7};
  thread uint* w = &s.x;
  s.bytes[a[i] & 3] = 9;
  w[a[i] & 3] += 1;
  o[i] = int(s.x * 3 + s.y * 5 + s.bytes[0] + s.bytes[1] * 2 + s.bytes[2] * 3 + s.bytes[3] * 4 + s.z * 7);
}
KERNEL(bytes_of_a_struct) {
  Item s[2] = {{float(a[i]), ushort(i)}, {2, 3}};
  thread uchar* bytes = (thread uchar*)s;
  int r = 0;
  for (int k = 0; k < 2; ++k) { s[(a[i] + k) & 1].at += ushort(k + 1); for (int b = 0; b < 6; ++b) r = r * 3 + bytes[8 * k + b]; }
  o[i] = r;
}
KERNEL(a_hash_of_all_bytes) {
  Item s[2] = {{float(a[i]), ushort(i)}, {2, 3}};
  Words w = {uint(a[i]), 2, {1, 2, 3, 4}, 7};
  w.bytes[a[i] & 3] = 9;
  thread const uchar* bytes = (thread const uchar*)&w;
  uint h = 2166136261u;
  for (int k = 0; k < 16; ++k) h = (h ^ bytes[(k + a[i]) & 15]) * 16777619u;
  o[i] = int(h) + int(s[a[i] & 1].key);
}
struct Halves { float4 low; float4 high; };
KERNEL(a_walk_over_vectors) {
  Halves s;
  for (int k = 0; k < 4; ++k) { s.low[k] = a[(i + k) & 63]; s.high[k] = k; }
  thread float* all = (thread float*)&s;
  float r = 0;
  for (int k = 0; k < 8; ++k) r = r * 3 + all[(k + a[i]) & 7];
  o[i] = int(r);
}
KERNEL(up_to_the_end_of_a_member) {
  Stack s;
  for (int k = 0; k < 32; ++k) s.items[k] = a[(i + k) & 63];
  s.top = 5;
  int r = 0;
  for (thread int* p = &s.items[a[i] & 31]; p != s.items + 32; ++p) r = r * 3 + *p;
  o[i] = r + s.top;
}
struct Parts { uchar head[2]; ulong id; uchar4 code; ushort n : 9; ushort m : 7; char tail[3]; };
Parts changed(Parts p, int at) { p.tail[at % 3] += p.head[at & 1]; p.n += 3; p.m ^= 5; return p; }
KERNEL(passed_by_value) {
  Parts all[3];
  for (int k = 0; k < 3; ++k) all[k] = Parts{{uchar(k), uchar(a[i])}, ulong(k) << 33, uchar4(k, 2, 3, 4), ushort(k + 7), ushort(k + 1), {1, 2, char(k)}};
  for (int k = 0; k < 5; ++k) all[(a[i] + k) % 3] = changed(all[a[(i + k) & 63] % 3], a[(i + k) & 63]);
  int r = 0;
  for (int k = 0; k < 3; ++k) { Parts p = all[k]; r = r * 7 + p.tail[0] + 2 * p.tail[1] + 3 * p.tail[2] + p.head[1] + int(p.id >> 33) + p.code.x + p.n + 11 * p.m; }
  o[i] = r;
}
union Either { float f; uint u; };
struct Tagged { Either value; uchar kind; };
KERNEL(unions_in_structs) {
  Tagged s[4];
  for (int k = 0; k < 4; ++k) { s[k].kind = uchar(a[(i + k) & 63] & 1); if (s[k].kind) s[k].value.f = k; else s[k].value.u = uint(k); }
  Tagged t = s[a[i] & 3];
  s[(a[i] + 1) & 3] = t;
  int r = 0;
  for (int k = 0; k < 4; ++k) r = r * 5 + (s[k].kind ? int(s[k].value.f) : int(s[k].value.u)) + s[k].kind;
  o[i] = r;
}
"""
A = (np.arange(64) * 37 % 101).astype(np.int32)


def wrapped(value):
    return (value + 2**31) % 2**32 - 2**31


def reversed_by_a_stack(i):
    r, items = 0, [int(A[(i + k) & 63]) for k in range(A[i] & 15)]
    for item in reversed(items):
        r = r * 3 + item
    return r


def sorted_by_a_heap(i):
    r = 0
    for key, at in sorted((int(A[(i + k) & 63]), k) for k in range(16)):
        r = r * 5 + key * 16 + at
    return r


def sums_of_bytes(i):
    h, piece, fill, n = [1, 2, 3, 4], [0] * 16, 0, 3 + int(A[i] & 31)

    def take():
        for k in range(16):
            h[k & 3] = (h[k & 3] * 31 + piece[k] + h[(k + fill) & 3]) % 2**32

    for k in range(n):
        piece[fill] = int(A[(i + k) & 63]) * 7 & 255
        fill += 1
        if fill == 16:
            take()
            fill = 0
    take()
    return wrapped(h[0] ^ h[1] ^ h[2] ^ h[3]) + 8 * n


def structs_in_structs(i):
    r = 0
    w = [[[k, k + 1, j] for k in range(4)] for j in range(2)]
    kind, total, count = [[k - j for k in range(4)] for j in range(2)], [[0, 0, 0], [0, 0, 0]], [0, 1]
    for k in range(8):
        at = int(A[(i + k) & 63])
        w[at & 1][at & 3][at % 3] += at & 7
        kind[at & 1][at >> 1 & 3] += 1
        total[at & 1][at % 3] += at & 3
        if at & 4:
            w[at & 1][at & 3], kind[at & 1][at & 3] = list(w[~at & 1][at >> 2 & 3]), kind[~at & 1][at >> 2 & 3]
        count[at & 1] += 1
    for j in range(2):
        for k in range(4):
            for m in range(3):
                r = r * 3 + w[j][k][m] + kind[j][k]
        r = r * 7 + total[j][0] + total[j][1] * 2 + total[j][2] * 4 + count[j]
    return r


def pointers_to_members(i):
    a = int(A[i])
    left, right = [int(A[(i + k) & 63]) for k in range(4)], [0, 1, 2, 3]
    side, one = left if a & 1 else right, left if a & 2 else right
    for k in range(4):
        side[(k + a) & 3] += k
    one[a & 3] *= 3
    r = one[a & 3] & 0xFFFF
    for k in range(4):
        r = r * 3 + left[k] + 2 * right[k]
    return r


def a_walk_over_members(i):
    words = np.array([A[i], 2, 0x04030201, 7], np.uint32)
    words.view(np.uint8)[8 + (A[i] & 3)] = 9
    words[A[i] & 3] += 1
    return int(words[0]) * 3 + int(words[1]) * 5 + int((words[2:3].view(np.uint8) * np.array([1, 2, 3, 4])).sum()) + int(words[3]) * 7


def bytes_of_a_struct(i):
    s = np.zeros(2, np.dtype([("key", np.float32), ("at", np.uint16), ("none", np.uint16)]))
    s["key"], s["at"] = (A[i], 2), (i, 3)
    r = 0
    for k in range(2):
        s["at"][(A[i] + k) & 1] += k + 1
        for b in range(6):
            r = r * 3 + int(s.view(np.uint8)[8 * k + b])
    return r


def a_hash_of_all_bytes(i):
    words = np.array([A[i], 2, 0x04030201, 7], np.uint32)
    words.view(np.uint8)[8 + (A[i] & 3)] = 9
    h = 2166136261
    for k in range(16):
        h = (h ^ int(words.view(np.uint8)[(k + A[i]) & 15])) * 16777619 % 2**32
    return wrapped(h) + (2 if A[i] & 1 else int(A[i]))


def a_walk_over_vectors(i):
    values, r = [int(A[(i + k) & 63]) for k in range(4)] + [0, 1, 2, 3], 0
    for k in range(8):
        r = r * 3 + values[(k + A[i]) & 7]
    return r


def up_to_the_end_of_a_member(i):
    r = 0
    for k in range(A[i] & 31, 32):
        r = r * 3 + int(A[(i + k) & 63])
    return r + 5


def passed_by_value(i):
    a = int(A[i])
    everything = [{"head": [k, a & 255], "id": k, "x": k, "n": k + 7, "m": k + 1, "tail": [1, 2, k]} for k in range(3)]
    for k in range(5):
        at = int(A[(i + k) & 63])
        p = {name: list(value) if isinstance(value, list) else value for name, value in everything[at % 3].items()}
        p["tail"][at % 3] = (p["tail"][at % 3] + p["head"][at & 1] + 128) % 256 - 128
        p["n"], p["m"] = (p["n"] + 3) % 512, p["m"] ^ 5
        everything[(a + k) % 3] = p
    r = 0
    for p in everything:
        r = r * 7 + p["tail"][0] + 2 * p["tail"][1] + 3 * p["tail"][2] + p["head"][1] + p["id"] + p["x"] + p["n"] + 11 * p["m"]
    return r


def unions_in_structs(i):
    kinds, values, r = [int(A[(i + k) & 63] & 1) for k in range(4)], [0, 1, 2, 3], 0
    at, to = A[i] & 3, (A[i] + 1) & 3
    kinds[to], values[to] = kinds[at], values[at]
    for k in range(4):
        r = r * 5 + values[k] + kinds[k]
    return r


WANTED = [reversed_by_a_stack, sorted_by_a_heap, sums_of_bytes, structs_in_structs, pointers_to_members, a_walk_over_members, bytes_of_a_struct,
          a_hash_of_all_bytes, a_walk_over_vectors, up_to_the_end_of_a_member, passed_by_value, unions_in_structs]


@pytest.fixture(scope="module")
def library():
    import anymetal

    return anymetal.Library(TEXT)


@pytest.mark.parametrize("threads", [33, 64])
@pytest.mark.parametrize("wanted", WANTED, ids=lambda wanted: wanted.__name__)
def test_structs_of_a_thread(library, wanted, threads):
    o = np.zeros(threads, np.int32)
    library.kernel(wanted.__name__)(A, o, grid=threads, threadgroup=threads)
    np.testing.assert_array_equal(o, [wrapped(wanted(i)) for i in range(threads)])


@pytest.mark.parametrize("level", ["avx2", "sse4.2"])
def test_structs_on_smaller_processors(level, tmp_path):
    """There arrays of structs stay whole."""
    there = {**os.environ, "ANYMETAL_CPU": level, "ANYMETAL_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-m", "pytest", "-p", "anymetal", "-q", "-p", "no:cacheprovider", "-k", "test_structs_of_a_thread", __file__],
                          env=there, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
