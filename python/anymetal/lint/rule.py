"""What a rule is."""

from __future__ import annotations

from dataclasses import dataclass

SEVERITIES = ("note", "warning", "error")


@dataclass(frozen=True)
class Rule:
    name: str  # "GRAPH-BREAK-001": words and hyphens, then three digits
    title: str  # one line, what is wrong
    severity: str  # "error": it fails or gives wrong numbers; "warning": slow or imprecise; "note": worth a look
    side: str = "python"  # "python": found by this package; "kernel": by anymetal._native.lint_kernel
    is_fixable: bool = False  # `--fix` mends at least some of its findings
    is_on: bool = True  # without --select

    @property
    def page(self) -> str:
        """In the repository; `anymetal lint --explain NAME` shows it."""
        return f"docs/rules/{self.name}.md"
