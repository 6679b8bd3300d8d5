"""Kernels outside Python: .metal files, and raw strings in C++.

In C++, what is passed to `metal_kernel(name, {inputs}, {outputs}, source, header, ...)` is a body; a raw string, also one that a variable was
given before. Any other raw string that declares a kernel is a whole file, or a piece of one: names that it lacks may be in another string.
"""

from __future__ import annotations

import re
import shlex
from typing import Any

from . import literals
from .source import SourceFile

_RAW = re.compile(r'R"([^()\\\s]{0,16})\((.*?)\)\1"', re.S)
_KERNEL = re.compile(r"(?:^|[\s;}>])(?:\[\[\s*kernel\s*\]\]|kernel)\s+void\b|\[\[\s*host_name", re.M)
_HOLE = re.compile(r"\{\d+\}")  # of a format string, which the program fills
Request = tuple[dict[str, Any], literals.Text, "literals.Text | None"]


def requests(source: SourceFile) -> list[Request]:
    if source.path.lower().endswith(".metal"):
        return _metal_file(source)
    if 'R"' not in source.text:
        return []
    return _cpp(source)


def _request(kind: str, source: SourceFile, text: literals.Text, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "path": source.path, "text": text.value, "header": "", "name": None, "input_names": [], "output_names": [], "template_args": [],
            "ensure_row_contiguous": True, "atomic_outputs": False, "math_mode": "safe", "inputs": [], "output_dtypes": None, "threadgroup": None,
            "grid": None} | more


def _metal_file(source: SourceFile) -> list[Request]:
    text = literals.of_file(source)
    if source.text.startswith("//!"):
        return _described_body(source, text)
    if _KERNEL.search(source.text):
        return [(_request("file", source, text), text, None)]
    return []  # a header, or a body of which nothing is known


def _described_body(source: SourceFile, text: literals.Text) -> list[Request]:
    """A body with `//! --input x:float32[64] --output y:float32[64]` at its top, as `anymetal compile` takes it."""
    words: list[str] = []
    for line in source.text.splitlines():
        if not line.startswith("//!"):
            break
        try:
            words += shlex.split(line[3:])
        except ValueError:
            return []
    inputs, outputs, template, more = [], [], [], {}
    for option, value in zip(words, [*words[1:], ""]):
        match = re.match(r"(\w+):(\w+)(?:\[([\d,\s]*)\])?", value)
        if option in ("--input", "--output") and match:
            shape = [int(each) for each in (match[3] or "").split(",") if each.strip()]
            (inputs if option == "--input" else outputs).append((match[1], match[2], shape))
        elif option == "--template" and "=" in value:
            name, _, given = value.partition("=")
            template.append([name, int(given) if given.lstrip("-").isdigit() else given])
        elif option in ("--grid", "--threadgroup") and re.fullmatch(r"[\d,x]+", value):
            numbers = [int(each) for each in re.split("[,x]", value) if each]
            more[option[2:]] = numbers + [1] * (3 - len(numbers))
        elif option == "--math-mode":
            more["math_mode"] = value
    return [(_request("body", source, text, input_names=[each[0] for each in inputs], output_names=[each[0] for each in outputs],
                      template_args=template, inputs=[{"dtype": each[1], "shape": each[2]} for each in inputs],
                      outputs=[{"dtype": each[1], "shape": each[2]} for each in outputs], output_dtypes=[each[1] for each in outputs],
                      **more), text, None)]


def _cpp(source: SourceFile) -> list[Request]:
    raws = {match.start(): match for match in _RAW.finditer(source.text)}
    variables: dict[str, re.Match[str]] = {}
    for at, match in raws.items():
        named = re.search(r"(\w+)\s*(?:\[\s*\])?\s*(?:=|\(|\{)\s*$", source.text[max(at - 160, 0):at])
        if named:
            variables[named[1]] = match
    found: list[Request] = []
    taken: set[int] = set()
    for call in re.finditer(r"\bmetal_kernel\s*\(", source.text):
        arguments = _arguments(source.text, call.end(), raws)
        if arguments is None or len(arguments) < 4:
            continue
        body = _raw_of(arguments[3], raws, variables)
        header = _raw_of(arguments[4], raws, variables) if len(arguments) > 4 else None
        if body is None or (header is None and len(arguments) > 4 and not re.fullmatch(r'\s*""\s*', arguments[4][1])):
            continue
        taken |= {body.start()} | ({header.start()} if header else set())
        text = literals.of_span(source, body.start(2), body.end(2))
        head = literals.of_span(source, header.start(2), header.end(2)) if header else None
        names = [re.findall(r'"((?:[^"\\]|\\.)*)"', arguments[each][1]) for each in (0, 1, 2)]
        found.append((_request("body", source, text, name=(names[0] or [None])[0], input_names=names[1], output_names=names[2],
                               header=head.value if head else "", inputs=[{"dtype": None, "shape": None} for _ in names[1]]), text, head))
    for at, match in raws.items():
        if at not in taken and _KERNEL.search(match[2]) and not _HOLE.search(match[2]):
            text = literals.of_span(source, match.start(2), match.end(2))
            found.append((_request("file", source, text, is_piece=True), text, None))
    return found


def _arguments(text: str, at: int, raws: dict[int, re.Match[str]]) -> list[tuple[int, str]] | None:
    """(start, text) of each argument of a call."""
    found, depth, start = [], 0, at
    while at < len(text):
        if at in raws:
            at = raws[at].end()
            continue
        c = text[at]
        if c == '"':
            end = re.compile(r'"(?:[^"\\\n]|\\.)*"').match(text, at)
            at = end.end() if end else at + 1
            continue
        if c in "([{":
            depth += 1
        elif c in ")]}":
            if depth == 0:
                found.append((start, text[start:at]))
                return found
            depth -= 1
        elif c == "," and depth == 0:
            found.append((start, text[start:at]))
            start = at + 1
        at += 1
    return None


def _raw_of(argument: tuple[int, str], raws: dict[int, re.Match[str]], variables: dict[str, re.Match[str]]) -> re.Match[str] | None:
    start, text = argument
    for at, match in raws.items():
        if start <= at < start + len(text):
            return match
    return variables.get(text.split("=")[-1].strip())
