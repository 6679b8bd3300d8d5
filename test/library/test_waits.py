"""Loops that wait for another threadgroup, which read memory in each turn."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")

TEXT = """#include <metal_stdlib>
using namespace metal;
#define LOOK(name, type, read, write) \\
kernel void name(device type* flags, device uint* out, constant uint& turns, uint group [[threadgroup_position_in_grid]], uint lane [[thread_index_in_threadgroup]]) { \\
  uint x = lane + group; \\
  for (uint i = 0; i < ((group & 1u) == 0u ? turns : 0u); ++i) x = x * 1664525u + 1013904223u; \\
  uint v = 1u; \\
  if (group > 0u) { \\
    do { v = read(flags[(group - 1u) * 32u + lane]); } while (!simd_all(v != 0u)); \\
  } \\
  out[group * 32u + lane] = v + (x & 1u); \\
  write(flags[group * 32u + lane], v + 1u); \\
}
#define READ(at) atomic_load_explicit(&(at), memory_order_relaxed)
#define WRITE(at, value) atomic_store_explicit(&(at), value, memory_order_relaxed)
#define PLAIN_READ(at) (at)
#define PLAIN_WRITE(at, value) at = value
LOOK(atomics, atomic_uint, READ, WRITE)
LOOK(volatiles, volatile uint, PLAIN_READ, PLAIN_WRITE)
"""
GROUPS = 64


def check():
    import anymetal

    library = anymetal.Library(TEXT)
    for kernel in ("atomics", "volatiles"):
        for _ in range(3):
            flags, out = np.zeros(GROUPS * 32, np.uint32), np.zeros(GROUPS * 32, np.uint32)
            library.kernel(kernel)(flags, out, np.uint32(200_000), grid=GROUPS * 32, threadgroup=32)
            groups = np.repeat(np.arange(GROUPS), 32)
            np.testing.assert_array_equal(flags, groups + 2, kernel)


@pytest.mark.parametrize("bounds", ["robust", "off"])
def test_threadgroups_that_wait_for_the_one_before(bounds, tmp_path):
    # Two at once, of which one waits while the other computes.
    there = {**os.environ, "ANYMETAL_BOUNDS": bounds, "ANYMETAL_THREADS": "2", "ANYMETAL_TIMEOUT": "60", "ANYMETAL_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, str(Path(__file__))], env=there, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


if __name__ == "__main__":
    check()
