"""Sizes of launches as terms: what `((n + 255) // 256) * 256` says can be told without knowing n.

A term is a number, or a tuple: ("name", text), ("+", a, b), ("-", a, b), ("*", a, b), ("//", a, b), ("/", a, b), ("ceil", a, b) for
a / b rounded up. Names that are given once are followed to what they are given.
"""

from __future__ import annotations

import ast
from typing import Any

from .frames import Scope
from .values import Number

Term = Any
_OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.FloorDiv: "//", ast.Div: "/"}
_FUNCTIONS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "floor_divide": "//"}
_CEILS = {"cdiv", "ceildiv", "ceil_div", "div_up", "divup", "div_ceil", "ceiling_div", "round_up_div", "_cdiv", "_ceil_div", "_ceildiv"}
_MULTIPLES = {"ceil_mul", "round_up", "roundup", "align_up", "next_multiple", "round_up_to", "_round_up"}
DEEPEST = 24


def term(follower: Any, node: ast.AST, scope: Scope, depth: int = 0) -> Term:
    if depth > DEEPEST:
        return ("name", "…")
    value = follower.quietly(node, scope)
    if isinstance(value, Number) and isinstance(value.constant, (int, float)):
        return value.constant
    follow = lambda each: term(follower, each, scope, depth + 1)
    if isinstance(node, ast.Name):
        given = scope.definition(node.id)
        if given is None:
            return ("name", node.id)
        found = follow(given)
        return ("name", node.id) if found == ("name", "…") or _size(found) > 64 else found
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return simplified(_OPERATORS[type(node.op)], follow(node.left), follow(node.right))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return simplified("-", 0, follow(node.operand))
    if isinstance(node, ast.Call):
        return _of_call(node, follow)
    return ("name", ast.unparse(node)) if _count(node) < 64 else ("name", "…")


def _of_call(node: ast.Call, follow: Any) -> Term:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    arguments = [follow(each) for each in node.args]
    if name in ("int", "array", "uint32", "int32", "astype", "item") and (arguments or name in ("astype", "item")):
        if name in ("astype", "item"):
            return follow(node.func.value)
        return arguments[0]
    if name in _FUNCTIONS and len(arguments) >= 2:
        return simplified(_FUNCTIONS[name], arguments[0], arguments[1])
    if name in _CEILS and len(arguments) == 2:
        return ("ceil", arguments[0], arguments[1])
    if name in _MULTIPLES and len(arguments) == 2:
        return simplified("*", ("ceil", arguments[0], arguments[1]), arguments[1])
    if name == "ceil" and len(arguments) == 1 and isinstance(arguments[0], tuple) and arguments[0][0] == "/":
        return ("ceil", *arguments[0][1:])
    return ("name", ast.unparse(node)) if _count(node) < 64 else ("name", "…")


def simplified(operator: str, a: Term, b: Term) -> Term:
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        try:
            return {"+": a + b, "-": a - b, "*": a * b, "//": a // b if b else 0, "/": a / b if b else 0}[operator]
        except OverflowError:
            pass
    if operator == "*" and 1 in (a, b):
        return b if a == 1 else a
    if operator in ("//", "/"):
        numerator = _rounded_up(a, b)
        if numerator is not None:
            return ("ceil", numerator, b)
        if isinstance(a, tuple) and a[0] == "*" and b in a[1:] and operator == "//":
            return a[2] if a[1] == b else a[1]
    if operator == "-" and a == 0 and isinstance(b, tuple) and b[0] == "//" and isinstance(b[1], tuple) and b[1][:2] == ("-", 0):
        return ("ceil", b[1][2], b[2])  # -(-n // b)
    return (operator, a, b)


def _rounded_up(a: Term, b: Term) -> Term | None:
    """n of a = n + b - 1, however it is written."""
    parts = _sum(a)
    if isinstance(b, (int, float)):
        constant = sum(sign * part for sign, part in parts if isinstance(part, (int, float)))
        rest = [(sign, part) for sign, part in parts if not isinstance(part, (int, float))]
        return _rebuilt(rest) if constant == b - 1 and b > 1 and rest else None
    if (1, b) in parts and (-1, 1) in parts:
        rest = list(parts)
        rest.remove((1, b))
        rest.remove((-1, 1))
        return _rebuilt(rest) if rest else None
    return None


def _sum(a: Term) -> list[tuple[int, Term]]:
    if isinstance(a, tuple) and a[0] in ("+", "-"):
        sign = 1 if a[0] == "+" else -1
        return _sum(a[1]) + [(sign * each, part) for each, part in _sum(a[2])]
    return [(1 if not isinstance(a, (int, float)) or a >= 0 else -1, abs(a) if isinstance(a, (int, float)) else a)]


def _rebuilt(parts: list[tuple[int, Term]]) -> Term:
    found: Term = None
    for sign, part in parts:
        found = part if found is None and sign > 0 else (("+" if sign > 0 else "-"), 0 if found is None else found, part)
    return found


def _size(a: Term) -> int:
    return 1 + sum(_size(each) for each in a[1:]) if isinstance(a, tuple) else 1


def _count(node: ast.AST) -> int:
    return sum(1 for _ in ast.walk(node))


def is_rounded_up(a: Term) -> Term | None:
    """n, if a is n rounded up to a multiple of something more than 1: ceil(n / b) * b."""
    if isinstance(a, tuple) and a[0] == "*":
        for one, other in ((a[1], a[2]), (a[2], a[1])):
            if isinstance(one, tuple) and one[0] == "ceil" and one[2] == other and other != 1:
                return one[1]
    return None


def triple(follower: Any, node: ast.AST | None, scope: Scope) -> tuple[list[Term], list[ast.AST]] | None:
    """The three terms of `grid=` and the nodes that give them; None: it isn't written as a tuple."""
    node = resolved(node, scope)
    if not isinstance(node, (ast.Tuple, ast.List)) or not 1 <= len(node.elts) <= 3 or any(isinstance(each, ast.Starred) for each in node.elts):
        return None
    return [term(follower, each, scope) for each in node.elts] + [1] * (3 - len(node.elts)), list(node.elts)


def resolved(node: ast.AST | None, scope: Scope) -> ast.AST | None:
    for _ in range(8):
        if not isinstance(node, ast.Name):
            break
        given = scope.definition(node.id)
        if given is None:
            break
        node = given
    return node


def constants(terms: list[Term] | None) -> list[int] | None:
    if terms is None or not all(isinstance(each, int) for each in terms):
        return None
    return list(terms)


def shown(a: Term) -> str:
    """As a person writes it."""
    if not isinstance(a, tuple):
        return str(a)
    if a[0] == "name":
        return a[1]
    if a[0] == "ceil":
        return f"ceil({shown(a[1])} / {shown(a[2])})"
    if a[0] == "-" and a[1] == 0:
        return f"-{shown(a[2])}"
    return f"({shown(a[1])} {a[0]} {shown(a[2])})"


