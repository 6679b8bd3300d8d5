"""A finding, and the place that it names. Lines and columns are 1-based and count characters; ends are behind the last one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, order=True)
class Place:
    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True)
class Edit:
    """In the file's text, by offsets of characters. `is_code`: the text is Python and goes through libcst."""

    start: int
    end: int
    text: str
    is_code: bool = False


@dataclass(frozen=True)
class Finding:
    path: str
    rule: str
    place: Place
    message: str
    remedy: str
    edits: tuple[Edit, ...] = field(default=(), compare=False)

    def as_dict(self) -> dict[str, Any]:
        return {"path": self.path, "rule": self.rule, "line": self.place.line, "column": self.place.column, "end_line": self.place.end_line,
                "end_column": self.place.end_column, "message": self.message, "remedy": self.remedy,
                "edits": [[edit.start, edit.end, edit.text, edit.is_code] for edit in self.edits]}

    @staticmethod
    def from_dict(given: dict[str, Any]) -> Finding:
        return Finding(given["path"], given["rule"], Place(given["line"], given["column"], given["end_line"], given["end_column"]),
                       given["message"], given["remedy"], tuple(Edit(*edit) for edit in given["edits"]))


@dataclass(frozen=True)
class Trouble:
    """What kept a file from being looked at. Exit status 2."""

    path: str
    message: str
    line: int = 0
    column: int = 0
