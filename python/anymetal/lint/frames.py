"""Scopes: a module, a function, a class; what is known of each function and class before its body is followed."""

from __future__ import annotations

import ast
from typing import Any

from . import mlx_api
from .values import NONE, UNKNOWN, Array, Function, Items, Mapping, Number, Textual, Value, join

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
CACHES = {"functools.lru_cache", "functools.cache", "functools.cached_property"}
FORWARDS = {"__call__", "forward"}


class Scope:
    """The names of one body; functions look through `parent`."""

    def __init__(self, parent: Scope | None, node: ast.AST, function: FunctionInfo | None = None, owner: Any = None) -> None:
        self.parent = parent
        self.node = node
        self.function = function
        self.owner = owner  # ClassInfo, of a class body
        self.env: dict[str, Value] = {}
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()
        self.returns: list[Value] = []
        self.yields: list[Value] = []
        self.loops: list[ast.AST] = []
        self.tests: list[ast.AST] = []  # of the ifs around
        self._single: dict[str, ast.AST] | None = None

    @property
    def module(self) -> Scope:
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope

    def lookup(self, name: str) -> Value | None:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.env and (scope.owner is None or scope is self):
                return scope.env[name]
            scope = scope.parent
        return None

    def definition(self, name: str) -> ast.AST | None:
        """The expression that a name stands for, if it is given once."""
        scope: Scope | None = self
        while scope is not None:
            if scope.owner is None:
                if scope._single is None:
                    scope._single = single_definitions(scope.node)
                if name in scope._single:
                    return scope._single[name]
                if name in scope.env:
                    return None
            scope = scope.parent
        return None


class FunctionInfo:
    def __init__(self, node: ast.AST, scope: Scope, owner: ClassInfo | None) -> None:
        self.node = node
        self.scope = scope
        self.owner = owner
        self.name = getattr(node, "name", "<lambda>")
        self.is_cached = False
        self.is_compiled = False
        self.is_differentiated = False
        self.is_property = False
        self.is_static = False
        self.given: dict[str, Value] = {}  # what calls in this module give
        self.result: Value | None = None
        self.is_running = False
        self._evidence: set[str] | None = None

    @property
    def parameters(self) -> list[ast.arg]:
        arguments = self.node.args
        return [*arguments.posonlyargs, *arguments.args]

    def evidence(self, aliases: set[str]) -> set[str]:
        if self._evidence is None:
            self._evidence = shown_arrays(self.node, aliases) if aliases else set()
        return self._evidence


class ClassInfo:
    def __init__(self, node: ast.ClassDef, scope: Scope) -> None:
        self.node = node
        self.scope = scope
        self.is_nn = False
        self.is_test = False
        self.bases: list[ClassInfo] = []
        self.methods: dict[str, Function] = {}
        self.attributes: dict[str, Value] = {}

    def method(self, name: str) -> Function | None:
        if name in self.methods:
            return self.methods[name]
        for base in self.bases:
            if (found := base.method(name)) is not None:
                return found
        return None

    def attribute(self, name: str) -> Value | None:
        if name in self.attributes:
            return self.attributes[name]
        for base in self.bases:
            if (found := base.attribute(name)) is not None:
                return found
        return None

    def add(self, name: str, value: Value) -> None:
        self.attributes[name] = join(self.attributes[name], value) if name in self.attributes else value


_FIELDS: dict[type, tuple[str, ...]] = {}  # of each class of nodes: what may hold other nodes that matter
_NAMES_ONLY = {"ctx", "op", "ops", "id", "attr", "arg", "name", "lineno", "type_comment", "kind", "n", "conversion", "level", "module"}


def children(node: ast.AST) -> list[ast.AST]:
    """As ast.iter_child_nodes, without contexts and operators, and several times as fast."""
    kind = node.__class__
    if kind not in _FIELDS:
        _FIELDS[kind] = tuple(name for name in kind._fields if name not in _NAMES_ONLY and not (name == "value" and kind is ast.Constant))
    found = []
    for name in _FIELDS[kind]:
        value = getattr(node, name, None)
        if value.__class__ is list:
            found += [each for each in value if isinstance(each, ast.AST)]
        elif value is not None and isinstance(value, ast.AST):
            found.append(value)
    return found


def walk(node: ast.AST):
    """All nodes, in no order that matters."""
    stack = [node]
    while stack:
        one = stack.pop()
        yield one
        stack += children(one)


def own_nodes(node: ast.AST):
    """Nodes of a body, in order, without those of functions and classes inside it."""
    stack = [node.body] if isinstance(node, ast.Lambda) else list(reversed(node.body))
    while stack:
        one = stack.pop()
        yield one
        if not isinstance(one, (*FUNCTIONS, ast.ClassDef)):
            stack += reversed(children(one))


def single_definitions(node: ast.AST) -> dict[str, ast.AST]:
    found: dict[str, ast.AST] = {}
    count: dict[str, int] = {}
    if isinstance(node, FUNCTIONS):
        for each in walk(node.args):
            if isinstance(each, ast.arg):
                count[each.arg] = 2
    for one in own_nodes(node):
        if isinstance(one, ast.Assign) and len(one.targets) == 1:
            _define(one.targets[0], one.value, found)
        elif isinstance(one, ast.AnnAssign) and one.value is not None:
            _define(one.target, one.value, found)
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
            count[one.id] = count.get(one.id, 0) + 1
        elif isinstance(one, (ast.Global, ast.Nonlocal)):
            for name in one.names:
                count[name] = 2
    return {name: value for name, value in found.items() if count.get(name) == 1}


def _define(target: ast.AST, value: ast.AST, found: dict[str, ast.AST]) -> None:
    if isinstance(target, ast.Name):
        found[target.id] = value
    elif isinstance(target, (ast.Tuple, ast.List)) and isinstance(value, (ast.Tuple, ast.List)) and len(target.elts) == len(value.elts):
        for one, other in zip(target.elts, value.elts):
            _define(one, other, found)


def shown_arrays(node: ast.AST, aliases: set[str]) -> set[str]:
    """Names that aren't given in a body and that it treats as only MLX arrays can be treated."""
    shown: dict[str, tuple[int, int]] = {}
    bound: dict[str, tuple[int, int]] = {}
    doubted: set[str] = set()
    for one in own_nodes(node):
        if isinstance(one, ast.Call):
            _look_at_call(one, aliases, shown, doubted)
        elif isinstance(one, (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.For, ast.With, ast.NamedExpr)):
            targets = [*getattr(one, "targets", ())] or [getattr(one, "target", None)]
            for target in targets:
                for name in walk(target) if target is not None else ():
                    if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store):
                        end = (one.end_lineno or 0, one.end_col_offset or 0) if not isinstance(one, (ast.For, ast.With)) else (one.lineno, 0)
                        bound[name.id] = min(bound.get(name.id, end), end)
    return {name for name, place in shown.items() if name not in doubted and place <= bound.get(name, place)}


def _look_at_call(call: ast.Call, aliases: set[str], shown: dict[str, tuple[int, int]], doubted: set[str]) -> None:
    function = call.func
    place = (call.lineno, call.col_offset)
    first = call.args[0] if call.args else None
    if isinstance(function, ast.Name) and function.id in ("isinstance", "hasattr", "callable", "type") and isinstance(first, ast.Name):
        doubted.add(first.id)
    if not isinstance(function, ast.Attribute):
        return
    owner = function.value
    if isinstance(owner, ast.Name) and owner.id in aliases and function.attr in mlx_api.ARRAY_FIRST and isinstance(first, ast.Name):
        shown.setdefault(first.id, place)
    if function.attr == "astype" and isinstance(owner, ast.Name) and isinstance(first, ast.Attribute):
        if isinstance(first.value, ast.Name) and first.value.id in aliases:
            shown.setdefault(owner.id, place)


def of_annotation(node: ast.AST | None, evaluate: Any) -> Value | None:
    """What an annotation promises; None: nothing that helps."""
    if node is None:
        return None
    if isinstance(node, ast.Constant):
        if node.value is None:
            return NONE
        if not isinstance(node.value, str):
            return None
        try:
            node = ast.parse(node.value, mode="eval").body
        except (SyntaxError, ValueError):
            return None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _of_choice([node.left, node.right], evaluate)
    if isinstance(node, ast.Subscript):
        outer = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
        inside = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
        if outer == "Optional":
            return of_annotation(inside[0], evaluate)
        if outer == "Union":
            return _of_choice(inside, evaluate)
        if outer in ("List", "list", "Sequence", "Iterable", "Generator", "Iterator"):
            return Items(None, of_annotation(inside[0], evaluate) or UNKNOWN)
        if outer in ("Tuple", "tuple"):
            if len(inside) == 2 and isinstance(inside[1], ast.Constant) and inside[1].value is Ellipsis:
                return Items(None, of_annotation(inside[0], evaluate) or UNKNOWN)
            return Items(tuple(of_annotation(each, evaluate) or UNKNOWN for each in inside))
        if outer in ("Dict", "dict") and len(inside) == 2:
            return Mapping(of_annotation(inside[1], evaluate) or UNKNOWN)
        return None
    if isinstance(node, ast.Name) and node.id in ("int", "float", "bool", "complex"):
        return Number(kind=node.id)
    if isinstance(node, ast.Name) and node.id == "str":
        return Textual(is_varying=True)
    if isinstance(node, (ast.Name, ast.Attribute)):
        return evaluate(node)
    return None


def _of_choice(nodes: list[ast.AST], evaluate: Any) -> Value | None:
    value: Value | None = None
    for node in nodes:
        one = of_annotation(node, evaluate) or UNKNOWN
        value = one if value is None else join(value, one)
    return value


def is_array(value: Value | None) -> bool:
    return isinstance(value, Array)
