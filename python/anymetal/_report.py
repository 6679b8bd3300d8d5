"""How `anymetal bench` and `anymetal tune` speak: numbers for people, aligned tables, a progress line, errors with a remedy."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Sequence
from typing import Any, TextIO


class Failure(Exception):
    """What ends a command: one sentence that says what to do, and the exit status (as `anymetal --help` lists them)."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


def duration(seconds: float) -> str:
    """Three digits that matter: "12.3 µs"."""
    for unit, scale in (("ns", 1e9), ("µs", 1e6), ("ms", 1e3)):
        if seconds * scale < 999.5:
            return f"{number(seconds * scale)} {unit}"
    return f"{number(seconds)} s"


def number(value: float) -> str:
    """Three digits, without an exponent."""
    if value >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 or share == 0 else "<1 %"


def size(triple: Sequence[int]) -> str:
    """(16, 16, 1) as "16x16"."""
    sizes = list(triple)
    while len(sizes) > 1 and sizes[-1] == 1:
        sizes.pop()
    return "x".join(str(each) for each in sizes)


def is_coloured(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR")


def styled(text: str, style: str, stream: TextIO | None = None) -> str:
    codes = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33}
    return f"\033[{codes[style]}m{text}\033[0m" if is_coloured(stream or sys.stdout) else text


def width_of_terminal() -> int:
    """Of standard output; what isn't a terminal has room for everything."""
    return shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else 10_000


def _visible(text: str) -> int:
    return len(re.sub(r"\033\[[0-9;]*m", "", text))


def table(rows: Sequence[Sequence[str]], right: Sequence[int] = (), shrink: int | None = None) -> str:
    """Rows of equal length as lines, columns two blanks apart, the first row the heads. Columns in `right` are flush right.
    If the terminal is too narrow, the column `shrink` is cut."""
    rows = [list(row) for row in rows]
    widths = [max(_visible(row[i]) for row in rows) for i in range(len(rows[0]))]
    over = sum(widths) + 2 * (len(widths) - 1) - width_of_terminal()
    if shrink is not None and over > 0:
        widths[shrink] = max(widths[shrink] - over, 12, len(rows[0][shrink]))
        for row in rows:
            if _visible(row[shrink]) > widths[shrink]:
                row[shrink] = row[shrink][:widths[shrink] - 1] + "…"
    lines = []
    for n, row in enumerate(rows):
        cells = []
        for i, cell in enumerate(row):
            blanks = " " * (widths[i] - _visible(cell))
            cells.append(blanks + cell if i in right else cell + blanks)
        line = "  ".join(cells).rstrip()
        lines.append(styled(line, "bold") if n == 0 else line)
    return "\n".join(lines)


class Progress:
    """One line on a terminal, which goes when the work is done; nothing elsewhere."""

    def __init__(self, steps: int) -> None:
        self._steps = max(steps, 1)
        self._done = 0
        self._shown = 0.0
        self._is_shown = sys.stderr.isatty()

    def step(self, what: str) -> None:
        self.show(what)
        self._done += 1

    def show(self, what: str) -> None:
        now = time.monotonic()
        if not self._is_shown or now - self._shown < 0.05:
            return
        self._shown = now
        full = round(24 * min(self._done / self._steps, 1))
        line = f"{'━' * full}{'╌' * (24 - full)} {100 * self._done // self._steps:3d} %  {what}"
        columns = shutil.get_terminal_size((80, 24)).columns
        sys.stderr.write("\r\033[K" + line[:columns - 1])
        sys.stderr.flush()

    def end(self) -> None:
        if self._is_shown:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: Any) -> None:
        self.end()


def write_text(path: str, text: str) -> None:
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise Failure(f"{path} can't be written: {error.strerror}", 3) from error
