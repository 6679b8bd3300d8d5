"""``pytest -p anymetal``: the tests run with Metal kernels, and the summary says how many were launched, so that a package's
silent way around its kernels shows."""

from __future__ import annotations

from typing import Any


def pytest_report_header() -> str:
    import anymetal
    return f"anymetal {anymetal.__version__}: " + ("Metal kernels run here" if anymetal.active else "stands aside (macOS)")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    import anymetal
    if anymetal.active:
        count = anymetal.launches()
        terminalreporter.write_line(f"anymetal: {count} kernel launch{'' if count == 1 else 'es'}")
