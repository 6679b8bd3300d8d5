"""Faults that people make, put into kernels that work: how many does the linter find?

Run this file with the package on the path: `PYTHONPATH=build/python python test/lint/faults/seed.py`. Each fault is one change of one kernel of kernels/, with the
rules that may speak of it. A fault counts as found if one of them does; the kernels as they are must be silent.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from anymetal import _native
from anymetal.lint import engine

KERNELS = Path(__file__).parent / "kernels"
BARRIER = "threadgroup_barrier(mem_flags::mem_threadgroup);"
RACE = ("SHARED-READ-001", "SHARED-WRITE-001", "BARRIER-LATE-001")
GUARD = ("BOUNDS-GUARD-001", "BOUNDS-LATE-001", "INDEX-RANGE-001")


@dataclass(frozen=True)
class Fault:
    kernel: str
    what: str
    old: str
    new: str
    rules: tuple[str, ...]
    which: int = 0  # of the places where `old` stands

    def text(self) -> str:
        text = (KERNELS / f"{self.kernel}.metal").read_text()
        parts = text.split(self.old)
        assert len(parts) > self.which + 1, f"{self.kernel}: {self.what}: the text has no such place"
        return self.old.join(parts[:self.which + 1]) + self.new + self.old.join(parts[self.which + 1:])


def _without(kernel: str, which: int = 0) -> Fault:
    return Fault(kernel, f"barrier {which + 1} removed", BARRIER, "", RACE, which)


def _of_simdgroup(kernel: str, which: int = 0) -> Fault:
    return Fault(kernel, f"barrier {which + 1} of the simdgroup only", BARRIER, BARRIER.replace("threadgroup_b", "simdgroup_b"), ("BARRIER-SCOPE-001",), which)


def _with_flags(kernel: str, flags: str, which: int = 0) -> Fault:
    return Fault(kernel, f"barrier {which + 1} with {flags}", BARRIER, BARRIER.replace("mem_threadgroup)", f"{flags})"), ("BARRIER-FLAGS-001",), which)


FAULTS = [
    # A barrier removed.
    _without("rms_norm"), _without("tiled_matmul", 0), _without("tiled_matmul", 1), _without("softmax", 0), _without("softmax", 1),
    _without("softmax", 2), _without("transpose"), _without("tree_sum", 0), _without("tree_sum", 1), _without("scan", 1),
    _without("stencil"), _without("dot"),
    # The wrong barrier.
    _of_simdgroup("rms_norm"), _of_simdgroup("tiled_matmul", 1), _of_simdgroup("stencil"), _of_simdgroup("tree_sum", 1),
    _with_flags("softmax", "mem_none", 1), _with_flags("transpose", "mem_device"), _with_flags("dot", "mem_none"), _with_flags("scan", "mem_none", 1),
    # A barrier in the wrong place.
    Fault("rms_norm", "barrier into the branch of lane 0", "= sum;\n}\n" + BARRIER, "= sum;\n" + BARRIER + "\n}", ("BARRIER-DIVERGE-001",)),
    Fault("tree_sum", "barrier into the branch", "part[t] += part[t + s];\n  " + BARRIER, "{ part[t] += part[t + s]; " + BARRIER + " }",
          ("BARRIER-DIVERGE-001",)),
    Fault("histogram", "barrier under the check", "memory_order_relaxed);\n}\n" + BARRIER, "memory_order_relaxed);\n" + BARRIER + "\n}",
          ("BARRIER-DIVERGE-001",)),
    Fault("dot", "barrier in the loop of threads", "sum);\n}", "sum);\n" + BARRIER + "\n}", ("BARRIER-DIVERGE-001",)),
    Fault("dot", "barrier behind the read", BARRIER + "\nif (t == 0) {\n  float total = 0;\n  for (uint k = 0; k < 8; ++k) total += part[k];",
          "float total = 0;\nfor (uint k = 0; k < 8; ++k) total += part[k];\n" + BARRIER + "\nif (t == 0) {", RACE),
    Fault("rms_norm", "barrier behind the sum", BARRIER + "\nfloat total = 0;\nfor (uint i = 0; i < simdgroups; ++i) {\n  total += partial[i];\n}",
          "float total = 0;\nfor (uint i = 0; i < simdgroups; ++i) {\n  total += partial[i];\n}\n" + BARRIER, RACE),
    Fault("tree_sum", "return before the barriers", "uint n = shape[0];", "uint n = shape[0];\nif (i >= n) return;", ("BARRIER-RETURN-001",)),
    Fault("transpose", "return before the barrier", BARRIER, "if (left + u >= columns) return;\n" + BARRIER, ("BARRIER-RETURN-001",)),
    # A check removed, or too late.
    Fault("elementwise", "check removed", "if (i >= n) return;\n", "", GUARD),
    Fault("elementwise", "load before the check", "if (i >= n) return;\nfloat v = x[i];", "float v = x[i];\nif (i >= n) return;", GUARD),
    Fault("column_dot", "check removed", "if (gid >= k) return;\n", "", GUARD),
    Fault("tiled_matmul", "check of the store removed", "if (row < rows && column < columns) {\n  c[row * columns + column] = sum;\n}",
          "c[row * columns + column] = sum;", GUARD),
    Fault("tiled_matmul", "half of the store's check removed", "if (row < rows && column < columns) {", "if (row < rows) {", GUARD),
    Fault("depthwise", "check removed", "if (tid >= total) return;\n", "", GUARD),
    Fault("depthwise", "load before the check", "if (tid >= total) return;\nuint t = tid % L;\nuint c = tid / L % C;\nfloat v0 = (t >= 1) ? x[tid - 1] : 0.0f;\nfloat v1 = x[tid];",
          "float v1 = x[tid];\nif (tid >= total) return;\nuint t = tid % L;\nuint c = tid / L % C;\nfloat v0 = (t >= 1) ? x[tid - 1] : 0.0f;", GUARD),
    Fault("tree_sum", "load without its check", "i < n ? x[i] : 0.0f", "x[i]", GUARD),
    Fault("transpose", "half of the load's check removed", "if (top + k < rows && left + u < columns) tile", "if (left + u < columns) tile", GUARD),
    # An index off by one, an array too short.
    Fault("rms_norm", "one turn too many", "i < simdgroups; ++i", "i <= simdgroups; ++i", ("INDEX-RANGE-001",)),
    Fault("tiled_matmul", "one column too far", "tile_a[y][i]", "tile_a[y][i + 1]", ("INDEX-RANGE-001",)),
    Fault("tree_sum", "one too far", "part[t] += part[t + s];", "part[t] += part[t + s + 1];", ("INDEX-RANGE-001", *RACE)),
    Fault("stencil", "tile without its right edge", "tile[18][18]", "tile[18][17]", ("INDEX-RANGE-001",)),
    Fault("depthwise", "four taps of three", "j < 3; ++j", "j <= 3; ++j", ("INDEX-RANGE-001",)),
    Fault("softmax", "parts for fewer simdgroups", "float part[8]", "float part[4]", ("INDEX-RANGE-001",)),
    Fault("scan", "elements for half of the threads", "sums[2][256]", "sums[2][128]", ("INDEX-RANGE-001",)),
    # Memory that nobody wrote, sums of a part.
    Fault("histogram", "no zeros", "if (t < 64) atomic_store_explicit(&counts[t], 0u, memory_order_relaxed);\n", "", ("SHARED-UNINIT-001",)),
    Fault("tree_sum", "sum into what wasn't written", "part[t] = i < n", "part[t] += i < n", ("SHARED-UNINIT-001",)),
    Fault("dot", "the first simdgroup's sum only", "if (t == 0) {\n  float total = 0;\n  for (uint k = 0; k < 8; ++k) total += part[k];",
          "if (t == 0) {\n  float total = sum;", ("SIMD-SUM-001",)),
    Fault("rms_norm", "sum in half", "float sum = 0;", "half sum = 0;", ("HALF-SUM-001",)),
    Fault("column_dot", "rows for threads", "Q[i * k + gid]", "Q[gid * m + i]", ("MEMORY-STRIDE-001",)),
    Fault("transpose", "tile without padding", "tile[32][33]", "tile[32][32]", ("BANK-CONFLICT-001",)),
    Fault("layer_norm", "barrier of the function removed", BARRIER, "", RACE, 0),
    Fault("layer_norm", "barrier of the function removed, the second", BARRIER, "", RACE, 1),
    Fault("layer_norm", "start of a row in 32 bits", "device const float* from = x + size_t(row) * width;",
          "size_t start = row * width;\n  device const float* from = x + start;", ("INDEX-OVERFLOW-001",)),
]


def findings(text: str) -> list[tuple[int, str, str]]:
    found, troubles = engine.lint_text("kernel.metal", text, _native.lint_kernel)
    assert not troubles, troubles
    return [(each.place.line, each.rule, each.message) for each in found]


def is_found(fault: Fault) -> bool:
    return any(rule in fault.rules for _, rule, _ in findings(fault.text()))


def main() -> int:
    noise = [(path.stem, *each) for path in sorted(KERNELS.glob("*.metal")) for each in findings(path.read_text())]
    for each in noise:
        print("as it is:", *each)
    missed = [fault for fault in FAULTS if not is_found(fault)]
    for fault in missed:
        print(f"missed: {fault.kernel}: {fault.what}; it says {findings(fault.text())}")
    print(f"{len(FAULTS) - len(missed)} of {len(FAULTS)} faults found; {len(noise)} findings in the kernels as they are")
    return 1 if missed or noise else 0


if __name__ == "__main__":
    sys.exit(main())
