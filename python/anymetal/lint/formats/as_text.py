"""For people: place, what, the lines with carets below, what to write instead."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from typing import TextIO

from ..findings import Finding, Trouble
from ..registry import RULES
from ..source import SourceFile, Unreadable, read

COLOURS = {"error": "1;31", "warning": "1;33", "note": "1;36", "bold": "1", "dim": "2", "green": "32", "blue": "1;34"}
MOST_LINES = 4


def write(findings: list[Finding], troubles: list[Trouble], files: int, stream: TextIO, colour: bool | None = None) -> None:
    writer = _Writer(stream, colour if colour is not None else stream.isatty() and not os.environ.get("NO_COLOR"))
    for finding in findings:
        writer.finding(finding)
    for trouble in troubles:
        writer.trouble(trouble)
    writer.summary(findings, troubles, files)


class _Writer:
    def __init__(self, stream: TextIO, colour: bool) -> None:
        self.stream = stream
        self.colour = colour
        self.width = max(shutil.get_terminal_size((100, 24)).columns, 60) if stream.isatty() else 0
        self._sources: dict[str, SourceFile | None] = {}
        self._explained: set[str] = set()

    def paint(self, text: str, style: str) -> str:
        return f"\033[{COLOURS[style]}m{text}\033[0m" if self.colour else text

    def line(self, text: str = "") -> None:
        self.stream.write(text + "\n")

    def finding(self, finding: Finding) -> None:
        rule = RULES[finding.rule]
        place = finding.place
        self.line(f"{self.paint(f'{finding.path}:{place.line}:{place.column}:', 'bold')} {self.paint(rule.severity + ':', rule.severity)} "
                  f"{self.paint(finding.message, 'bold')} {self.paint(f'[{finding.rule}]', 'dim')}")
        source = self._source(finding.path)
        if source is not None and place.line <= source.lines:
            self._lines(source, finding, rule.severity)
        if finding.remedy:
            self.line(f"  {self.paint('=', 'blue')} {self.paint('instead:', 'green')} {finding.remedy}")
        if finding.rule not in self._explained:
            self._explained.add(finding.rule)
            self.line(self.paint(f"  = more: anymetal lint --explain {finding.rule}", "dim"))
        self.line()

    def _lines(self, source: SourceFile, finding: Finding, severity: str) -> None:
        place = finding.place
        last = min(place.end_line, source.lines)
        if last > place.line and place.end_column == 1:
            last -= 1
        numbers = list(range(place.line, last + 1))
        cut = len(numbers) > MOST_LINES
        shown = numbers[:MOST_LINES - 1] if cut else numbers
        margin = len(str(shown[-1]))
        bar = self.paint("|", "blue")
        for number in shown:
            text = source.line(number)
            first = place.column - 1 if number == place.line else len(text) - len(text.lstrip())
            end = place.end_column - 1 if number == place.end_line else len(text.rstrip())
            text, first, end = self._clipped(text, first, max(end, first + 1))
            self.line(f"{self.paint(f'{number:{margin + 2}}', 'blue')} {bar} {_expanded(text)}".rstrip())
            if len(numbers) == 1 or number == place.line or end > first:
                self.line(f"{' ' * (margin + 2)} {bar} {' ' * _width(text[:first])}{self.paint('^' * max(_width(text[first:end]), 1), severity)}")
        if cut:
            self.line(f"{' ' * (margin + 2)} {bar} {self.paint(f'... {len(numbers) - len(shown)} more lines', 'dim')}")

    def _clipped(self, text: str, first: int, end: int) -> tuple[str, int, int]:
        """A long line around the place that counts."""
        room = (self.width or 160) - 10
        if _width(text) <= room:
            return text, first, end
        start = max(0, min(first - 12, len(text) - room + 1)) if first > room - 24 else 0
        cut = text[start:start + room - 2]
        if start:
            cut = "…" + cut[1:]
        if start + room - 2 < len(text):
            cut = cut[:-1] + "…"
        return cut, first - start, min(end - start, len(cut))

    def trouble(self, trouble: Trouble) -> None:
        where = f"{trouble.path}:{trouble.line}:{trouble.column}:" if trouble.line else f"{trouble.path}:"
        self.line(f"{self.paint(where, 'bold')} {self.paint('not read:', 'error')} {trouble.message}")
        self.line()

    def summary(self, findings: list[Finding], troubles: list[Trouble], files: int) -> None:
        looked = f"{files} file{'s' * (files != 1)}"
        if not findings:
            self.line(self.paint(f"no findings in {looked}", "green" if not troubles else "bold") + (f"; {len(troubles)} not read" if troubles else ""))
            return
        errors = sum(RULES[each.rule].severity == "error" for each in findings)
        warnings = sum(RULES[each.rule].severity == "warning" for each in findings)
        counts = [f"{n} {name}{'s' * (n != 1)}" for n, name in ((errors, "error"), (warnings, "warning"), (len(findings) - errors - warnings, "note")) if n]
        fixable = sum(bool(each.edits) for each in findings)
        text = f"{', '.join(counts)} in {len({each.path for each in findings})} of {looked}"
        if fixable:
            text += f"; --fix mends {fixable}"
        if troubles:
            text += f"; {len(troubles)} not read"
        self.line(self.paint(text, "bold"))

    def _source(self, path: str) -> SourceFile | None:
        if path not in self._sources:
            try:
                self._sources = {path: SourceFile(path, read(path))}
            except (Unreadable, OSError):
                self._sources[path] = None
        return self._sources[path]


def _expanded(text: str) -> str:
    return "".join("    " if c == "\t" else c if c.isprintable() else "�" for c in text)


def _width(text: str) -> int:
    return sum(4 if c == "\t" else 0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def show_page(text: str) -> None:
    """A page of Markdown on a terminal."""
    stream = sys.stdout
    colour = stream.isatty() and not os.environ.get("NO_COLOR")
    inside = False
    for line in text.splitlines():
        if line.startswith("```"):
            inside = not inside
            continue
        if inside:
            stream.write("    " + line + "\n" if line else "\n")
        elif line.startswith("#"):
            stream.write((f"\033[1m{line.lstrip('# ')}\033[0m" if colour else line.lstrip("# ")) + "\n")
        else:
            stream.write(line + "\n")
