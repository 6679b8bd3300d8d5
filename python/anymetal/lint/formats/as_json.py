"""For programs: one object."""

from __future__ import annotations

import json
from typing import TextIO

from ..findings import Finding, Trouble
from ..registry import RULES


def write(findings: list[Finding], troubles: list[Trouble], files: int, stream: TextIO, colour: bool | None = None) -> None:
    listed = []
    for each in findings:
        rule = RULES[each.rule]
        listed.append({"path": each.path, "line": each.place.line, "column": each.place.column, "end_line": each.place.end_line,
                       "end_column": each.place.end_column, "rule": each.rule, "severity": rule.severity, "message": each.message,
                       "remedy": each.remedy, "page": rule.page, "is_fixable": bool(each.edits)})
    json.dump({"version": 1, "files": files, "findings": listed,
               "not_read": [{"path": each.path, "line": each.line or None, "message": each.message} for each in troubles]}, stream, indent=2)
    stream.write("\n")
