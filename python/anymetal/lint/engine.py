"""One file: text in, findings out.

Python goes through the Follower; the kernels that it meets, and the texts of .metal and C++ files, go to `lint_kernel` as far as they are
known, and its findings come back to the place in the file. A file that can't be looked at is a Trouble, and the others go on.
"""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import kernels, literals, metal_files, rules
from .findings import Edit, Finding, Place, Trouble
from .follow import Follower
from .registry import RULES
from .source import SourceFile, Unreadable, read
from .values import Textual

PYTHON = {".py", ".pyi", ".pyw"}
METAL = {".metal"}
CPP = {".cpp", ".cc", ".cxx", ".hpp", ".h", ".mm", ".hh"}
# What depends on template arguments that are guessed isn't said.
OF_VALUES = {"KERNEL-COMPILE-001", "INDEX-RANGE-001", "SHARED-UNINIT-001", "SHARED-READ-001", "SHARED-WRITE-001", "BANK-CONFLICT-001", "MEMORY-STRIDE-001",
             "SIMD-SUM-001", "BOUNDS-GUARD-001", "BOUNDS-LATE-001", "INTEGER-DIVIDE-001", "INTEGER-DIVIDE-002", "INDEX-OVERFLOW-001", "STACK-INDEX-001",
             "BARRIER-DIVERGE-001", "BARRIER-RETURN-001", "BRANCH-SELECT-001", "FMA-CONTRACT-001", "PARAMETER-UNUSED-001"}
KernelLinter = Callable[[dict[str, Any]], list[dict[str, Any]]]


class Report:
    """Collects findings of one file, each place once for each rule."""

    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self.findings: dict[tuple[str, Place], Finding] = {}

    def __call__(self, follower: Any, rule: str, where: Any, message: str, remedy: str, edits: tuple[Edit, ...] = ()) -> None:
        source, start, end = self._span(where)
        if source is None:
            return
        statement = None if isinstance(where, tuple) else where
        self.add(source, rule, start, end, message, remedy, edits, statement)

    def _span(self, where: Any) -> tuple[SourceFile | None, int, int]:
        if isinstance(where, tuple):
            text, start, end = where
            found = text.file_span(start, end)
            return found[:3] if found is not None else (None, 0, 0)
        return self.source, *self.source.node_span(where)

    def add(self, source: SourceFile, rule: str, start: int, end: int, message: str, remedy: str, edits: tuple[Edit, ...] = (),
            statement: ast.AST | None = None) -> None:
        place = source.place(start, end)
        if source.is_ignored(rule, place.line, place.end_line):
            return
        self.findings.setdefault((rule, place), Finding(source.path, rule, place, message, remedy, edits))


def lint_text(path: str, text: str, lint_kernel: KernelLinter | None) -> tuple[list[Finding], list[Trouble]]:
    source = SourceFile(path, text)
    report = Report(source)
    suffix = Path(path).suffix.lower()
    troubles: list[Trouble] = []
    if suffix in METAL | CPP:
        requests = metal_files.requests(source)
    else:
        try:
            requests = _python(source, report)
        except SyntaxError as error:
            return [], [Trouble(path, f"isn't Python: {error.msg}", error.lineno or 0, error.offset or 0)]
        except (ValueError, RecursionError, MemoryError) as error:
            return [], [Trouble(path, f"is nested too deeply to be read ({type(error).__name__})" if not isinstance(error, ValueError) else f"isn't Python: {error}")]
    if lint_kernel is not None:
        for request, body, header in requests:
            try:
                found = lint_kernel(request)
            except Exception as error:  # a fault of ours in one kernel; the file's other findings stay
                troubles.append(Trouble(path, f"kernel {request.get('name') or ''}: internal error (please report it): {error}"))
                continue
            for each in found:
                if request.get("is_guessed") and each.get("rule") in OF_VALUES:
                    continue
                if request.get("is_piece") and each.get("rule") == "KERNEL-COMPILE-001" and not each.get("message", "").startswith("expected "):
                    continue
                _bring_home(report, each, body, header)
    _drop_said_twice(report)
    return sorted(report.findings.values(), key=lambda finding: (finding.path, finding.place, finding.rule)), troubles


def lint_file(path: str, lint_kernel: KernelLinter | None) -> tuple[list[Finding], list[Trouble]]:
    try:
        return lint_text(path, read(path), lint_kernel)
    except Unreadable as error:
        return [], [Trouble(path, str(error))]


def _python(source: SourceFile, report: Report) -> list[tuple[dict[str, Any], literals.Text, literals.Text | None]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source.text, source.path)
    if not any(word in source.text for word in ("mlx", "mx.", "metal_kernel", "anymetal", "compile_shader")):
        return []
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 6000))
    try:
        listeners = rules.listeners(report)
        follower = Follower(source, tree, listeners)
        follower.run()
        for listener in listeners:
            if hasattr(listener, "finish"):
                listener.finish(follower)
    finally:
        sys.setrecursionlimit(limit)
    return _requests(follower)


def _requests(follower: Follower) -> list[tuple[dict[str, Any], literals.Text, literals.Text | None]]:
    found = []
    for made in follower.kernels.values():
        best = None
        for called in [*made.calls, None]:
            request = kernels.request(made, called, follower.source.path)
            if request is not None and (best is None or _knowledge(request) > _knowledge(best)):
                best = request
        if best is not None and made.source is not None and "KERNEL-SIGNATURE-001" not in _said(follower, made):
            found.append((best, made.source.text, made.header.text if isinstance(made.header, Textual) else None))
    for text in follower.whole_texts.values():
        found.append(({"kind": "file", "path": follower.source.path, "text": text.constant, "header": "", "name": None, "input_names": [],
                       "output_names": [], "template_args": [], "ensure_row_contiguous": True, "atomic_outputs": False, "math_mode": "safe",
                       "inputs": [], "output_dtypes": None, "threadgroup": None, "grid": None}, text.text, None))
    return found


def _said(follower: Follower, made: kernels.Definition) -> set[str]:
    from . import body_text

    return {"KERNEL-SIGNATURE-001"} if made.body is not None and body_text.signature(made.body) else set()


def _knowledge(request: dict[str, Any]) -> int:
    return sum(each["dtype"] is not None for each in request["inputs"]) + 2 * (request["threadgroup"] is not None) + (request["grid"] is not None) \
        + sum(each["shape"] is not None for each in request.get("outputs") or []) \
        + sum(value is not None for _, value in request["template_args"])


def _bring_home(report: Report, found: dict[str, Any], body: literals.Text, header: literals.Text | None) -> None:
    """A finding in Metal's text becomes one in the user's file."""
    text = header if found.get("where") == "header" and header is not None else body
    if found.get("rule") not in RULES:
        return
    start = _offset(text.value, found["line"], found["column"])
    end = _offset(text.value, found.get("end_line") or found["line"], found.get("end_column") or found["column"] + 1)
    place = text.file_span(start, max(start, end))
    if place is None:
        return
    source, a, b, _ = place
    edits = []
    for fix in found.get("fixes") or []:
        one = text.file_span(_offset(text.value, fix["start_line"], fix["start_column"]), _offset(text.value, fix["end_line"], fix["end_column"]))
        if one is None or not one[3] or one[0] is not report.source or any(c in fix["text"] for c in "\\\"'\n{}"):
            edits = []
            break
        edits.append(Edit(one[1], one[2], fix["text"]))
    words = [re.sub(r"\bline (\d+)( of the header)?", lambda m: _line_at_home(m, body, header, source), found.get(key) or "") for key in ("message", "remedy")]
    report.add(source, found["rule"], a, max(b, a + 1), *words, tuple(edits))


def _line_at_home(mention: re.Match[str], body: literals.Text, header: literals.Text | None, source: SourceFile) -> str:
    """Words about another line of Metal's text, with the line that it has in the user's file."""
    text = header if mention[2] and header is not None else body
    span = text.file_span(*(_offset(text.value, int(mention[1]) + behind, 1) for behind in (0, 1)))
    if span is None:
        return mention[0]
    line = span[0].place(span[1], span[2]).line
    return f"line {line}" if span[0] is source else f"line {line} of {span[0].path}"


def _drop_said_twice(report: Report) -> None:
    """A name that isn't declared: both sides see it. Four reads of a line, each without the barrier that all of them lack: one is enough."""
    lines: set[tuple[str, str, int]] = set()
    for key, finding in sorted(report.findings.items(), key=lambda pair: (pair[1].path, pair[1].place)):
        if RULES[finding.rule].side == "kernel":
            line = (finding.path, finding.rule, finding.place.line)
            if line in lines:
                del report.findings[key]
            lines.add(line)
    named = {(finding.path, finding.place.line, finding.place.column) for finding in report.findings.values() if finding.rule == "KERNEL-NAMES-001"}
    for key, finding in list(report.findings.items()):
        if finding.rule == "KERNEL-COMPILE-001" and (finding.path, finding.place.line, finding.place.column) in named:
            del report.findings[key]
        elif finding.rule == "PARAMETER-UNUSED-001" and "KERNEL-NAMES-001" in {rule for rule, _ in report.findings}:
            del report.findings[key]


def _offset(text: str, line: int, column: int) -> int:
    at = 0
    for _ in range(max(line, 1) - 1):
        behind = text.find("\n", at)
        if behind < 0:
            return len(text)
        at = behind + 1
    behind = text.find("\n", at)
    return min(at + max(column, 1) - 1, len(text) if behind < 0 else behind)
