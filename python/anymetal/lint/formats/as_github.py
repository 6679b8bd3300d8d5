"""Annotations of GitHub's workflows: one command a line."""

from __future__ import annotations

from typing import TextIO

from ..findings import Finding, Trouble
from ..registry import RULES

LEVELS = {"error": "error", "warning": "warning", "note": "notice"}


def write(findings: list[Finding], troubles: list[Trouble], files: int, stream: TextIO, colour: bool | None = None) -> None:
    for each in findings:
        place = each.place
        where = f"file={_property(each.path)},line={place.line},endLine={place.end_line}"
        if place.line == place.end_line:  # GitHub takes columns within one line only
            where += f",col={place.column},endColumn={place.end_column}"
        text = each.message + (f". Instead: {each.remedy}" if each.remedy else "")
        stream.write(f"::{LEVELS[RULES[each.rule].severity]} {where},title={_property(each.rule)}::{_text(text)}\n")
    for trouble in troubles:
        stream.write(f"::error file={_property(trouble.path)},line={trouble.line or 1}::{_text(trouble.message)}\n")


def _text(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _text(text).replace(":", "%3A").replace(",", "%2C")
