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
