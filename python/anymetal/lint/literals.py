"""Text that is put together in Python, and where each of its characters stands in the file.

A kernel's body is a literal, a sum of literals, a dedented one, an f-string whose holes are known. Findings come back as places in
the text that Metal sees; people want them in their file. So a Text is a list of pieces, and a piece remembers its literal; the map from
the characters of a literal to the file, through prefixes, quotes and escapes, is made when the first finding asks for it.
"""

from __future__ import annotations

import ast
import re
import unicodedata
from dataclasses import dataclass, field

from .source import SourceFile

_OPENING = re.compile(r"([rRbBuUfF]{0,2})('''|\"\"\"|'|\")")
_BETWEEN = re.compile(r"(?:[ \t\f\n]|\\\n|#[^\n]*)*")
_SIMPLE = {"\\": "\\", "'": "'", '"': '"', "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class Literal:
    """The string literal at one node of the tree: Constant, or the constant parts of JoinedStr in their order."""

    def __init__(self, source: SourceFile, node: ast.AST) -> None:
        self.source = source
        self.node = node
        self._maps: list[list[tuple[int, int]]] | None = None

    def span(self) -> tuple[int, int]:
        return self.source.node_span(self.node)

    def places(self, part: int) -> list[tuple[int, int]] | None:
        """For each character of constant part `part`: the file's characters that write it."""
        if self._maps is None:
            start, end = self.span()
            self._maps = _map_literals(self.source.text, start, end)
        return self._maps[part] if part < len(self._maps) else None


@dataclass(frozen=True)
class Piece:
    text: str
    literal: Literal | None  # None: a value that was put in, or text that was changed
    part: int = 0
    start: int = 0  # in the literal's part
    around: Literal | None = None  # where to point if `literal` is None


@dataclass(frozen=True)
class Text:
    """`value` is what Metal sees."""

    pieces: tuple[Piece, ...] = field(compare=False)
    value: str

    @staticmethod
    def of(pieces: list[Piece]) -> Text:
        return Text(tuple(pieces), "".join(piece.text for piece in pieces))

    def __add__(self, other: Text) -> Text:
        return Text(self.pieces + other.pieces, self.value + other.value)

    def cut(self, start: int, end: int) -> Text:
        found, at = [], 0
        for piece in self.pieces:
            first, last = max(start - at, 0), min(end - at, len(piece.text))
            if first < last:
                found.append(Piece(piece.text[first:last], piece.literal, piece.part, piece.start + first, piece.around))
            at += len(piece.text)
        return Text.of(found)

    def kept(self, spans: list[tuple[int, int]]) -> Text:
        return Text.of([piece for start, end in spans for piece in self.cut(start, end).pieces])

    def dedented(self) -> Text:
        lines = [(m.start(), m.end()) for m in re.finditer(r"[^\n]*\n|[^\n]+$", self.value)]
        margins = [re.match(r"[ \t]*", self.value[a:b])[0] for a, b in lines if self.value[a:b].strip()]
        margin = margins[0] if margins else ""
        for each in margins[1:]:
            while not each.startswith(margin):
                margin = margin[:-1]
        spans = []
        for a, b in lines:
            if self.value[a:b].strip():
                spans.append((a + len(margin), b))
            elif self.value[b - 1] == "\n":
                spans.append((b - 1, b))
        return self.kept(spans)

    def stripped(self, left: bool = True, right: bool = True) -> Text:
        start = len(self.value) - len(self.value.lstrip()) if left else 0
        end = len(self.value.rstrip()) if right else len(self.value)
        return self.cut(start, max(start, end))

    def replaced(self, old: str, new: Text) -> Text:
        if not old or old not in self.value:
            return self
        pieces, at = [], 0
        while (found := self.value.find(old, at)) >= 0:
            pieces += [*self.cut(at, found).pieces, *_without_places(new, self._literal_at(found))]
            at = found + len(old)
        return Text.of([*pieces, *self.cut(at, len(self.value)).pieces])

    def _literal_at(self, offset: int) -> Literal | None:
        at = 0
        for piece in self.pieces:
            if offset < at + len(piece.text):
                return piece.literal or piece.around
            at += len(piece.text)
        return None

    def file_span(self, start: int, end: int) -> tuple[SourceFile, int, int, bool] | None:
        """The file's characters of [start, end), and whether they are exactly these: only then may an edit go there."""
        first = self._place_of(start, False)
        last = self._place_of(end - 1, True) if end > start else self._place_of(start, False)
        if first is None or last is None or first[0] is not last[0]:
            return (*first[:3], False) if first is not None else None
        source, a, _, exact_a = first
        _, b, e, exact_b = last
        to = e if end > start else a
        exact = exact_a and exact_b and source.text[a:to] == self.value[start:end]
        return source, a, max(a, to), exact

    def _place_of(self, offset: int, is_last: bool) -> tuple[SourceFile, int, int, bool] | None:
        at, previous = 0, None
        for piece in self.pieces:
            if offset < at + len(piece.text) or (piece is self.pieces[-1] and offset == at + len(piece.text)):
                if piece.literal is None:
                    if piece.around is None:
                        return previous
                    return (piece.around.source, *piece.around.span(), False)
                places = piece.literal.places(piece.part)
                if places is None:
                    return (piece.literal.source, *piece.literal.span(), False)
                index = piece.start + offset - at
                if index < len(places):
                    return (piece.literal.source, *places[index], True)
                a, b = places[-1] if places else (piece.literal.span()[0],) * 2
                return piece.literal.source, b, b, True
            at += len(piece.text)
            previous = (piece.literal.source, *piece.literal.span(), False) if piece.literal else previous
        return previous


def _without_places(text: Text, around: Literal | None) -> list[Piece]:
    return [piece if piece.literal else Piece(piece.text, None, 0, 0, piece.around or around) for piece in text.pieces]


def of_constant(source: SourceFile, node: ast.Constant) -> Text:
    return Text((Piece(node.value, Literal(source, node)),), node.value)


def of_file(source: SourceFile) -> Text:
    """The whole of another file."""
    return Text((Piece(source.text, _Whole(source)),), source.text)


def of_span(source: SourceFile, start: int, end: int) -> Text:
    """A part of a file that stands there as it is: a raw string of C++."""
    return Text((Piece(source.text[start:end], _Whole(source), 0, start),), source.text[start:end])


class _Whole(Literal):
    def __init__(self, source: SourceFile) -> None:
        super().__init__(source, ast.Pass())

    def span(self) -> tuple[int, int]:
        return 0, len(self.source.text)

    def places(self, part: int):
        return _Plain(len(self.source.text))


class _Plain:
    """Each character is itself."""

    def __init__(self, length: int) -> None:
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> tuple[int, int]:
        index = index if index >= 0 else self._length + index
        return index, index + 1


def _map_literals(text: str, start: int, end: int) -> list[list[tuple[int, int]]]:
    """All literals of [start, end), which Python joins; the parts of f-strings between holes are separate."""
    parts: list[list[tuple[int, int]]] = [[]]
    at = start
    while at < end:
        at = _BETWEEN.match(text, at).end()
        opening = _OPENING.match(text, at)
        if at >= end or opening is None:
            break
        at = _map_one(text, opening.end(), opening[1].lower(), opening[2], parts)
    return parts


def _map_one(text: str, at: int, prefix: str, quote: str, parts: list[list[tuple[int, int]]]) -> int:
    while at < len(text):
        if text.startswith(quote, at):
            return at + len(quote)
        if "f" in prefix and text[at] in "{}":
            if text[at:at + 2] in ("{{", "}}"):
                parts[-1].append((at, at + 2))
                at += 2
                continue
            at = _behind_hole(text, at)
            parts.append([])
            continue
        if text[at] == "\\":
            if "r" in prefix:
                parts[-1] += [(at, at + 1), (at + 1, at + 2)]
                at += 2
                continue
            length, characters = _escape(text, at)
            parts[-1] += [(at, at + length)] * characters
            at += length
            continue
        parts[-1].append((at, at + 1))
        at += 1
    return at


def _behind_hole(text: str, at: int) -> int:
    depth, quote = 0, ""
    while at < len(text):
        if quote:
            if text.startswith(quote, at):
                at += len(quote)
                quote = ""
                continue
        elif text[at] in "'\"":
            quote = text[at]
        elif text[at] in "{[(":
            depth += 1
        elif text[at] in "}])":
            depth -= 1
            if depth == 0:
                return at + 1
        at += 1
    return at


def _escape(text: str, at: int) -> tuple[int, int]:
    """(characters in the file, characters that they make)"""
    c = text[at + 1:at + 2]
    if c == "\n":
        return 2, 0
    if c in _SIMPLE:
        return 2, 1
    if c == "x":
        return 4, 1
    if c == "u":
        return 6, 1
    if c == "U":
        return 10, 1
    if c == "N":
        close = text.find("}", at)
        name = text[at + 3:close]
        try:
            return close + 1 - at, len(unicodedata.lookup(name))
        except KeyError:
            return 2, 2
    if octal := re.match(r"[0-7]{1,3}", text[at + 1:at + 4]):
        return 1 + len(octal[0]), 1
    return 2, 2  # an escape that isn't one stays as it is
