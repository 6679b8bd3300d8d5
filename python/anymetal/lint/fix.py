"""`--fix`: the edits of findings, put into files.

Edits within kernels' text are spliced in as they are, since only places that are written exactly as Metal sees them have any. Edits of Python code
go through libcst, which replaces one expression and leaves every blank and comment; it is slow and needed for nothing else, so it is imported here.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from .findings import Edit, Finding
from .source import SourceFile

ROUNDS = 5


class CantFix(Exception):
    """Why a file stays as it is."""


def apply(text: str, path: str, findings: list[Finding]) -> tuple[str, int]:
    """The new text, and how many findings are mended. Edits that touch each other wait for the next round."""
    taken: list[Edit] = []
    count = 0
    for finding in findings:
        if finding.path == path and finding.edits and not any(_touch(one, other) for one in finding.edits for other in taken):
            taken += finding.edits
            count += 1
    texts = sorted((each for each in taken if not each.is_code), key=lambda each: each.start, reverse=True)
    code = [each for each in taken if each.is_code]
    for each in texts:
        text = text[:each.start] + each.text + text[each.end:]
        moved = len(each.text) - (each.end - each.start)
        code = [Edit(one.start + moved, one.end + moved, one.text, True) if one.start >= each.end else one for one in code]
    return (_replace_code(text, path, code) if code else text), count


def _touch(one: Edit, other: Edit) -> bool:
    return one.start < other.end and other.start < one.end or one.start == other.start


def _replace_code(text: str, path: str, edits: list[Edit]) -> str:
    try:
        import libcst
        from libcst.metadata import MetadataWrapper, PositionProvider
    except ImportError:
        raise CantFix("--fix of Python code needs libcst: pip install libcst") from None
    source = SourceFile(path, text)
    wanted = {}
    for each in edits:
        place = source.place(each.start, each.end)
        wanted[(place.line, place.column - 1, place.end_line, place.end_column - 1)] = each.text

    class Replacer(libcst.CSTTransformer):
        METADATA_DEPENDENCIES = (PositionProvider,)

        def on_leave(self, original: Any, updated: Any) -> Any:
            if isinstance(original, libcst.BaseExpression):
                place = self.get_metadata(PositionProvider, original)
                new = wanted.pop((place.start.line, place.start.column, place.end.line, place.end.column), None)
                if new is not None:
                    return libcst.parse_expression(new, config=module.config_for_parsing)
            return super().on_leave(original, updated)

    try:
        module = libcst.parse_module(text)
        return MetadataWrapper(module).visit(Replacer()).code
    except (libcst.ParserSyntaxError, RecursionError) as error:
        raise CantFix(f"libcst can't read it: {error}") from None


def write(path: str, text: str) -> None:
    """In one step, with the mode that the file has."""
    target = Path(path).resolve()
    original = target.read_bytes()
    data = text.replace("\n", "\r\n") if b"\r\n" in original else text
    mode = target.stat().st_mode
    with tempfile.NamedTemporaryFile("wb", dir=target.parent, prefix=".anymetal-", delete=False) as file:
        file.write((b"\xef\xbb\xbf" if original.startswith(b"\xef\xbb\xbf") else b"") + data.encode())
    os.chmod(file.name, mode & 0o7777)
    os.replace(file.name, target)
