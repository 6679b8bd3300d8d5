"""The rules that `anymetal._native.lint_kernel` finds in the text of kernels (src/lint)."""

from __future__ import annotations

from .rule import Rule

KERNEL_RULES: list[Rule] = [
    Rule("ATOMIC-CONTEND-001", "An atomic operation of all threads on one address", "warning", "kernel"),
    Rule("BANK-CONFLICT-001", "Lanes that meet in one bank of threadgroup memory", "warning", "kernel"),
    Rule("BARRIER-DIVERGE-001", "A barrier that not all threads come to", "error", "kernel"),
    Rule("BARRIER-FLAGS-001", "A barrier whose flags leave threadgroup memory out", "error", "kernel"),
    Rule("BARRIER-LATE-001", "A barrier after instead of before a read", "error", "kernel"),
    Rule("BARRIER-RETURN-001", "A barrier behind an early return", "warning", "kernel"),
    Rule("BARRIER-SCOPE-001", "Simdgroup_barrier where simdgroups share memory", "error", "kernel"),
    Rule("BOUNDS-GUARD-001", "An access without the check of bounds that others have", "error", "kernel"),
    Rule("BOUNDS-LATE-001", "A load before its check of bounds", "error", "kernel"),
    Rule("BRANCH-SELECT-001", "A divergent branch that could be a select", "note", "kernel", is_fixable=True),
    Rule("DOUBLE-TYPE-001", "`double`, which Metal lacks", "error", "kernel"),
    Rule("FLOAT-EQUAL-001", "Computed floats compared for equality", "warning", "kernel"),
    Rule("FMA-CONTRACT-001", "A * b + c with two roundings, where contraction is off", "note", "kernel"),
    Rule("HALF-SUM-001", "A sum in half or bfloat", "warning", "kernel"),
    Rule("INDEX-OVERFLOW-001", "An index of 64 bits from a product of 32", "warning", "kernel"),
    Rule("INDEX-RANGE-001", "An index outside of its array", "error", "kernel"),
    Rule("INTEGER-DIVIDE-001", "An integer division in a loop by a value known only at run time", "warning", "kernel"),
    Rule("INTEGER-DIVIDE-002", "A division by a power of two that a shift or mask does", "warning", "kernel"),
    Rule("KERNEL-COMPILE-001", "The kernel doesn't compile", "error", "kernel"),
    Rule("MEMORY-STRIDE-001", "Lanes that access device memory far from each other", "warning", "kernel"),
    Rule("PARAMETER-UNUSED-001", "A parameter that nothing uses", "note", "kernel"),
    Rule("SHARED-READ-001", "Threadgroup memory read after a write, without a barrier", "error", "kernel"),
    Rule("SHARED-UNINIT-001", "Threadgroup memory read that nobody wrote", "error", "kernel"),
    Rule("SHARED-WRITE-001", "Threadgroup memory written while others may still read it", "error", "kernel"),
    Rule("SIMD-SUM-001", "A simdgroup's sum taken for the threadgroup's", "error", "kernel"),
    Rule("STACK-INDEX-001", "An array on the stack with an index known only at run time", "warning", "kernel"),
    Rule("VOLATILE-USE-001", "`volatile`, which orders nothing between threads", "warning", "kernel"),
]
