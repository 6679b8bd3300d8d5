"""The text of one file: lines, offsets, places, and the comments that switch rules off.

`# anymetal: ignore[RULE, RULE]` on a line (`//` in Metal and C++), or `# anymetal: ignore` for all rules, silences what is found there;
behind a statement of several lines it may stand on its first or its last. `# anymetal: ignore-file[RULE]` counts for the file.
"""

from __future__ import annotations

import bisect
import io
import re
import tokenize
from pathlib import Path

from .findings import Place

IGNORE = re.compile(r"(?:#|//)\s*anymetal:\s*(ignore-file|ignore)\b(?:\s*\[([^\]]*)\])?")
LARGEST = 64 << 20


class Unreadable(Exception):
    """Why a file can't be looked at."""


class SourceFile:
    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self._starts = [0]
        find, at = text.find, 0
        while (at := find("\n", at) + 1) > 0:
            self._starts.append(at)
        self._bytes: dict[int, bool] = {}
        self.ignored: dict[int, set[str] | None] = {}
        self.ignored_everywhere: set[str] | None = set()
        if "anymetal:" in text:
            self._read_comments()

    def line(self, number: int) -> str:
        start = self._starts[number - 1]
        end = self._starts[number] - 1 if number < len(self._starts) else len(self.text)
        return self.text[start:end]

    @property
    def lines(self) -> int:
        return len(self._starts)

    def offset(self, line: int, utf8_column: int) -> int:
        """Of a place as `ast` gives it: columns there count bytes of UTF-8."""
        start = self._starts[line - 1]
        if line not in self._bytes:
            self._bytes[line] = self.line(line).isascii()
        if self._bytes[line]:
            return start + utf8_column
        return start + len(self.line(line).encode()[:utf8_column].decode("utf-8", "replace"))

    def place(self, start: int, end: int) -> Place:
        end = max(end, start)
        return Place(*self.position(start), *self.position(end))

    def position(self, offset: int) -> tuple[int, int]:
        offset = max(0, min(offset, len(self.text)))
        line = bisect.bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def offset_at(self, line: int, column: int) -> int:
        """Of a 1-based place in characters."""
        line = max(1, min(line, len(self._starts)))
        return min(self._starts[line - 1] + column - 1, self._starts[line - 1] + len(self.line(line)))

    def node_span(self, node) -> tuple[int, int]:
        start = self.offset(node.lineno, node.col_offset)
        if getattr(node, "end_lineno", None) is None:
            return start, start + 1
        return start, self.offset(node.end_lineno, node.end_col_offset)

    def is_ignored(self, rule: str, first: int, last: int) -> bool:
        if self.ignored_everywhere is None or rule in self.ignored_everywhere:
            return True
        for line in (first, last):
            if line in self.ignored:
                rules = self.ignored[line]
                if rules is None or rule in rules:
                    return True
        return False

    def _read_comments(self) -> None:
        is_python = not self.path.endswith((".metal", ".h", ".hpp", ".cc", ".cpp", ".mm", ".cxx"))
        inside = set() if not is_python else _string_lines(self.text)
        for number in range(1, len(self._starts) + 1):
            line = self.line(number)
            if "anymetal:" not in line:
                continue
            for match in IGNORE.finditer(line):
                rules = None if match[2] is None else {name.strip().upper() for name in match[2].split(",") if name.strip()}
                if match[1] == "ignore":
                    known = self.ignored.get(number, set())
                    self.ignored[number] = None if rules is None or known is None else known | rules
                elif number not in inside:
                    self.ignored_everywhere = None if rules is None or self.ignored_everywhere is None else self.ignored_everywhere | rules


def _string_lines(text: str) -> set[int]:
    """Lines within strings of several lines: what stands there is not a comment on the file."""
    inside: set[int] = set()
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.STRING and token.end[0] > token.start[0]:
                inside.update(range(token.start[0], token.end[0] + 1))
    except (tokenize.TokenError, SyntaxError):
        pass
    return inside


def read(path: str) -> str:
    """The file's text, with \\n between lines. Raises Unreadable."""
    try:
        data = Path(path).read_bytes() if path != "-" else _standard_input()
    except OSError as error:
        raise Unreadable(f"can't be read: {error.strerror or error}") from None
    if len(data) > LARGEST:
        raise Unreadable(f"is larger than {LARGEST >> 20} MiB; no source text is")
    if b"\0" in data[:4096]:
        raise Unreadable("is not a text: it has bytes of 0")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline) if path.endswith((".py", ".pyi")) else ("utf-8-sig", [])
        text = data.decode(encoding)
    except (UnicodeDecodeError, SyntaxError, LookupError) as error:
        raise Unreadable(f"is not a text in the encoding that it says: {error}") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _standard_input() -> bytes:
    import sys

    return sys.stdin.buffer.read()
