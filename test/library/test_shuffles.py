"""Lanes' values from lanes that aren't known, for all types and on each level of x86-64: what the processor permutes, and what goes through
memory there, against NumPy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")

TYPES = {"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "half": "f2", "int": "i4", "uint": "u4", "float": "f4", "long": "i8", "ulong": "u8"}
# What a simdgroup's values, the same of a second array, and a number for each lane become.
FUNCTIONS = {
    "simd_shuffle(a, by)": lambda a, b, by: a[by],
    "simd_shuffle_xor(a, by)": lambda a, b, by: a[LANES ^ by],
    "simd_shuffle_rotate_up(a, by)": lambda a, b, by: a[(LANES - by) % 32],
    "simd_shuffle_rotate_down(a, by)": lambda a, b, by: a[(LANES + by) % 32],
    "simd_shuffle_up(a, by)": lambda a, b, by: np.where(LANES >= by, a[(LANES - by) % 32], a),
    "simd_shuffle_down(a, by)": lambda a, b, by: np.where(LANES + by < 32, a[(LANES + by) % 32], a),
    "simd_shuffle_and_fill_up(a, b, by)": lambda a, b, by: np.where(LANES >= by, a[(LANES - by) % 32], b[(LANES - by) % 32]),
    "simd_shuffle_and_fill_down(a, b, by)": lambda a, b, by: np.where(LANES + by < 32, a[(LANES + by) % 32], b[(LANES + by) % 32]),
    "quad_shuffle(a, ushort(by & 3))": lambda a, b, by: a[LANES // 4 * 4 + by % 4],
    "quad_shuffle_xor(a, ushort(by & 3))": lambda a, b, by: a[LANES // 4 * 4 + (LANES % 4 ^ by % 4)],
    "simd_broadcast(a, ushort(number))": lambda a, b, by: np.full(32, a[11]),
}
LANES = np.arange(32)


def check():
    """In a process of its own, whose executor makes code for one kind of processor."""
    import anymetal

    rng = np.random.default_rng(7)
    body = "".join(f"  y[{row}u * 128u + i] = {call};\n" for row, call in enumerate(FUNCTIONS))
    for name, dtype in TYPES.items():
        text = f"""#include <metal_stdlib>
using namespace metal;
kernel void move(device const {name}* x, device const ushort* lanes, constant int& number, device {name}* y, uint i [[thread_position_in_grid]]) {{
  {name} a = x[i], b = x[i + 128u];
  ushort by = lanes[i];
{body}}}"""
        x = rng.integers(0, 2**63, 256).astype("u8").view("u8")
        x = (x % 2000).astype(dtype) if dtype[0] == "f" else x.astype(dtype)
        by = rng.integers(0, 32, 128).astype("u2")
        y = np.zeros((len(FUNCTIONS), 128), dtype)
        anymetal.Library(text).kernel("move")(x, by, 11, y, grid=128, threadgroup=64)
        for row, (call, model) in enumerate(FUNCTIONS.items()):
            for start in range(0, 128, 32):
                part = slice(start, start + 32)
                want = model(x[:128][part], x[128:][part], by[part].astype(int))
                assert (y[row][part] == want).all(), f"{name}: {call}: {y[row][part]} is not {want}"


@pytest.mark.parametrize("level", ["", "avx2", "sse4.2"])
def test_lanes_that_are_not_known(level, tmp_path):
    there = {**os.environ, "ANYMETAL_CPU": level, "ANYMETAL_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, str(Path(__file__))], env=there, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


if __name__ == "__main__":
    check()
