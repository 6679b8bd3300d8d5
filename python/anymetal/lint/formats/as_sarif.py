"""SARIF 2.1.0, for code scanning: each rule with its page, each finding with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

from ..findings import Finding, Trouble
from ..registry import RULES, page_of
from ..rule import Rule

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def write(findings: list[Finding], troubles: list[Trouble], files: int, stream: TextIO, colour: bool | None = None) -> None:
    names = sorted({each.rule for each in findings})
    run = {
        "tool": {"driver": {"name": "anymetal lint", "rules": [_rule(RULES[name]) for name in names]}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(each, names.index(each.rule)) for each in findings],
        "invocations": [{"executionSuccessful": not troubles, "toolExecutionNotifications": [
            {"level": "error", "message": {"text": each.message}, "locations": [_location(each.path, each.line or 1, each.column or 1)]} for each in troubles]}],
    }
    json.dump({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, stream, indent=2)
    stream.write("\n")


def _rule(rule: Rule) -> dict[str, Any]:
    page = page_of(rule)
    described: dict[str, Any] = {"id": rule.name, "shortDescription": {"text": rule.title}, "defaultConfiguration": {"level": rule.severity}}
    if page is not None:
        text = page.read_text(encoding="utf-8")
        described["help"] = {"text": text, "markdown": text}
    return described


def _result(finding: Finding, index: int) -> dict[str, Any]:
    place = finding.place
    return {"ruleId": finding.rule, "ruleIndex": index, "level": RULES[finding.rule].severity,
            "message": {"text": finding.message + (f". Instead: {finding.remedy}" if finding.remedy else "")},
            "locations": [_location(finding.path, place.line, place.column, place.end_line, place.end_column)]}


def _location(path: str, line: int, column: int, end_line: int | None = None, end_column: int | None = None) -> dict[str, Any]:
    region: dict[str, Any] = {"startLine": line, "startColumn": column}
    if end_line is not None:
        region |= {"endLine": end_line, "endColumn": end_column}
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(path)}, "region": region}}


def _uri(path: str) -> str:
    """Relative to the folder that the command runs in, where it can be: that is how code scanning finds the file."""
    one = Path(path)
    if one.is_absolute():
        try:
            one = one.relative_to(Path.cwd())
        except ValueError:
            return one.as_uri()
    return quote(one.as_posix())
