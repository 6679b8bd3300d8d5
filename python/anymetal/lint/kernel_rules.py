"""The rules that `anymetal._native.lint_kernel` finds in the text of kernels (src/lint)."""

from __future__ import annotations

from .rule import Rule

KERNEL_RULES: list[Rule] = []
