"""Kernels of mx.fast.metal_kernel in a module: how each is made, how it is called, and what `lint_kernel` is asked about it.

What is known differs from place to place: the source may have holes, the shapes are known at best as types. A kernel whose text has holes
isn't compiled; what isn't known of a call is left out of the request.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any

from . import body_text, sizes
from .frames import Scope
from .values import UNKNOWN, Array, Dtype, Items, Mapping, Number, Textual, Value

PARAMETERS = ("name", "input_names", "output_names", "source", "header", "ensure_row_contiguous", "atomic_outputs", "compile_options")
CALL_PARAMETERS = ("inputs", "template", "grid", "threadgroup", "output_shapes", "output_dtypes", "init_value", "verbose", "stream")


@dataclass(eq=False)
class Definition:
    node: ast.Call
    scope: Scope
    function: Any  # FunctionInfo or None
    name: str | None
    input_names: list[str] | None
    output_names: list[str] | None
    source: Textual | None
    header: Textual | None  # Textual with "" if there is none
    ensure_row_contiguous: bool | None
    atomic_outputs: bool | None
    math_mode: str
    nodes: dict[str, ast.AST]
    loops: list[ast.AST]
    is_guarded: bool  # made when it isn't there yet, or kept
    is_keyed: bool  # kept in a table: one for each key
    statement: ast.AST
    tests: list[ast.AST]
    calls: list[Call] = field(default_factory=list)

    @property
    def body(self) -> str | None:
        return self.source.text.value if self.source is not None and self.source.text is not None else None


@dataclass(eq=False)
class Call:
    made: Definition
    node: ast.Call
    scope: Scope
    inputs: list[Value] | None
    input_nodes: list[ast.AST]
    output_shapes: list[ast.AST] | None
    extents: list[list[int] | None]  # of output_shapes, as far as they are constants
    output_dtypes: list[str | None] | None
    template: list[tuple[str, Any]] | None  # None: not known
    grid: tuple[list[Any], list[ast.AST]] | None
    threadgroup: tuple[list[Any], list[ast.AST]] | None
    nodes: dict[str, ast.AST]
    function: Any
    loops: list[ast.AST]


def _unpacked(follower: Any, node: ast.Call, scope: Scope) -> dict[str, tuple[ast.AST, Value]]:
    """What `**name` gives, if the name is given once, here, as dict(...) or {...}, and not changed."""
    pairs: list[tuple[str, ast.AST]] = []
    for name in [each.value for each in node.keywords if each.arg is None]:
        if not isinstance(name, ast.Name) or name.id not in scope.env or _is_changed(name.id, scope.node):
            continue
        made = scope.definition(name.id)
        if isinstance(made, ast.Dict):
            pairs += [(key.value, item) for key, item in zip(made.keys, made.values) if isinstance(key, ast.Constant) and isinstance(key.value, str)]
        elif isinstance(made, ast.Call) and isinstance(made.func, ast.Name) and made.func.id == "dict":
            pairs += [(each.arg, each.value) for each in made.keywords if each.arg]
    follower.silent += 1  # each was evaluated before, and told of, where it stands
    given = {name: (item, follower.evaluate(item, scope)) for name, item in pairs}
    follower.silent -= 1
    return given


def _is_changed(name: str, function: ast.AST) -> bool:
    """name["grid"] = ..., name |= ..., name.update(...)"""
    for each in ast.walk(function):
        if isinstance(each, (ast.Subscript, ast.Attribute)) and isinstance(each.value, ast.Name) and each.value.id == name:
            if isinstance(each, ast.Attribute) or not isinstance(each.ctx, ast.Load):
                return True
    return False


def definition(follower: Any, node: ast.Call, arguments: list, named: dict, scope: Scope) -> Definition:
    given = dict(zip(PARAMETERS, arguments)) | _unpacked(follower, node, scope) | {name: pair for name, pair in named.items() if name}
    value = lambda name: given[name][1] if name in given else None
    options = value("compile_options")
    mode = dict(options.known).get("math_mode") if isinstance(options, Mapping) else None
    header = value("header")
    made = Definition(
        node, scope, scope.function, _constant(value("name")), _names(value("input_names")), _names(value("output_names")),
        value("source") if isinstance(value("source"), Textual) else None,
        Textual(constant="") if header is None else header if isinstance(header, Textual) else Textual(is_varying=True),
        _flag(value("ensure_row_contiguous"), True), _flag(value("atomic_outputs"), False), _constant(mode) or "safe",
        {name: pair[0] for name, pair in given.items()}, list(scope.loops), _is_guarded(follower, scope),
        _is_keyed(follower, scope), follower.statement, list(scope.tests))
    return made


def _is_guarded(follower: Any, scope: Scope) -> bool:
    """`if kernel is None:`, `if key not in kernels:`, or what it makes goes into a global, an attribute or a table."""
    for test in scope.tests:
        for each in ast.walk(test):
            if isinstance(each, ast.Compare) and any(isinstance(op, (ast.Is, ast.IsNot, ast.NotIn, ast.In, ast.NotEq)) for op in each.ops):
                return True
            if isinstance(each, ast.UnaryOp) and isinstance(each.op, ast.Not):
                return True
    statement = follower.statement
    if isinstance(statement, (ast.Assign, ast.AnnAssign)):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        for target in targets:
            if isinstance(target, (ast.Attribute, ast.Subscript)):
                return True
            if isinstance(target, ast.Name) and (target.id in scope.globals or target.id in scope.nonlocals):
                return True
    return False


def _is_keyed(follower: Any, scope: Scope) -> bool:
    statement = follower.statement
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return any(isinstance(target, ast.Subscript) for target in targets) or any(
        isinstance(op, (ast.NotIn, ast.In)) for test in scope.tests for each in ast.walk(test) if isinstance(each, ast.Compare) for op in each.ops)


def call(follower: Any, node: ast.Call, made: Definition | None, arguments: list, named: dict, scope: Scope) -> Call | None:
    if made is None:
        return None
    given = dict(zip(CALL_PARAMETERS, arguments)) | _unpacked(follower, node, scope) | {name: pair for name, pair in named.items() if name}
    value = lambda name: given[name][1] if name in given else UNKNOWN
    node_of = lambda name: given[name][0] if name in given else None
    inputs = value("inputs")
    inputs_node = sizes.resolved(node_of("inputs"), scope)
    shapes_node = sizes.resolved(node_of("output_shapes"), scope)
    dtypes = value("output_dtypes")
    called = Call(
        made, node, scope, list(inputs.items) if isinstance(inputs, Items) and inputs.items is not None else None,
        list(inputs_node.elts) if isinstance(inputs_node, (ast.List, ast.Tuple)) else [],
        list(shapes_node.elts) if isinstance(shapes_node, (ast.List, ast.Tuple)) else None,
        [_extents(follower, each, scope) for each in shapes_node.elts] if isinstance(shapes_node, (ast.List, ast.Tuple)) else [],
        [each.name if isinstance(each, Dtype) else None for each in dtypes.items] if isinstance(dtypes, Items) and dtypes.items is not None else None,
        _template(value("template")) if "template" in given else [], sizes.triple(follower, node_of("grid"), scope),
        sizes.triple(follower, node_of("threadgroup"), scope), {name: pair[0] for name, pair in given.items()}, scope.function,
        list(scope.loops))
    if not follower.silent:
        made.calls[:] = [each for each in made.calls if each.node is not node] + [called]
    return called


def _extents(follower: Any, node: ast.AST, scope: Scope) -> list[int] | None:
    """Of `(64, n)` with a known n, and of `x.shape`."""
    node = sizes.resolved(node, scope) or node
    if isinstance(node, (ast.Tuple, ast.List)):
        found = sizes.constants([sizes.term(follower, each, scope) for each in node.elts])
        return found if found is not None and all(each >= 0 for each in found) else None
    if isinstance(node, ast.Attribute) and node.attr == "shape":
        return _shape(follower.quietly(node.value, scope))
    return None


def _constant(value: Value | None) -> str | None:
    return value.constant if isinstance(value, Textual) else None


def _names(value: Value | None) -> list[str] | None:
    if not isinstance(value, Items) or value.items is None:
        return None
    names = [_constant(each) for each in value.items]
    return None if any(name is None for name in names) else names  # type: ignore[return-value]


def _flag(value: Value | None, default: bool) -> bool | None:
    if value is None:
        return default
    return bool(value.constant) if isinstance(value, Number) and value.constant is not None else None


def _template(value: Value) -> list[tuple[str, Any]] | None:
    if not isinstance(value, Items) or value.items is None:
        return None
    found = []
    for pair in value.items:
        if not isinstance(pair, Items) or pair.items is None or len(pair.items) != 2 or _constant(pair.items[0]) is None:
            return None
        given = pair.items[1]
        if isinstance(given, Dtype):
            found.append((_constant(pair.items[0]), given.name))
        elif isinstance(given, Number) and given.constant is not None:
            found.append((_constant(pair.items[0]), given.constant))
        else:
            found.append((_constant(pair.items[0]), None))
    return found


def request(made: Definition, called: Call | None, path: str) -> dict[str, Any] | None:
    """What `lint_kernel` is asked; None: the text isn't known as a whole."""
    if made.source is None or made.source.constant is None or made.input_names is None or made.output_names is None:
        return None
    header = made.header.constant if made.header is not None else None
    if header is None:
        return None
    template, is_guessed = _template_of(made, called, header)
    inputs = []
    values = called.inputs if called is not None else None
    for number, _ in enumerate(made.input_names):
        value = values[number] if values is not None and number < len(values) else UNKNOWN
        inputs.append({"dtype": value.dtype if isinstance(value, Array) else None, "shape": _shape(value)})
    grid = sizes.constants(called.grid[0]) if called is not None and called.grid else None
    threadgroup = sizes.constants(called.threadgroup[0]) if called is not None and called.threadgroup else None
    return {"kind": "body", "path": path, "text": made.source.constant, "header": header, "name": made.name, "input_names": made.input_names,
            "output_names": made.output_names, "template_args": [list(pair) for pair in template],
            "ensure_row_contiguous": made.ensure_row_contiguous is not False, "atomic_outputs": bool(made.atomic_outputs),
            "math_mode": made.math_mode, "inputs": inputs, "output_dtypes": called.output_dtypes if called is not None else None,
            "outputs": _outputs(made, called), "has_initial_value": called is not None and "init_value" in called.nodes,
            "threadgroup": threadgroup, "grid": grid, "is_guessed": is_guessed}


def _outputs(made: Definition, called: Call | None) -> list[dict[str, Any]] | None:
    """Types and shapes that the call gives its outputs, as far as they are constants."""
    if called is None or made.output_names is None or (called.output_shapes is None and called.output_dtypes is None):
        return None
    found: list[dict[str, Any]] = []
    for number, _ in enumerate(made.output_names):
        dtype = called.output_dtypes[number] if called.output_dtypes is not None and number < len(called.output_dtypes) else None
        found.append({"dtype": dtype, "shape": called.extents[number] if number < len(called.extents) else None})
    return found


def _template_of(made: Definition, called: Call | None, header: str) -> tuple[list[tuple[str, Any]], bool]:
    """Template arguments; True: numbers among them are guesses, since the call that has them isn't seen or isn't known."""
    assert made.source is not None and made.source.constant is not None
    is_guessed = called is None or called.template is None
    template = [] if is_guessed else list(called.template or [])
    known = {*(made.input_names or []), *(made.output_names or []), *(name for name, _ in template)}
    if is_guessed:
        template = [(name, None) if is_type else (name, _likely(name)) for name, is_type in
                    body_text.template_names(made.source.constant, known, header)]
        return template, bool(template)
    kinds = dict(body_text.template_names(made.source.constant, {*(made.input_names or []), *(made.output_names or [])}, header))
    filled = [(name, _likely(name)) if value is None and not kinds.get(name, True) else (name, value) for name, value in template]
    return filled, filled != template


def _likely(name: str) -> int:
    return 4 if "bits" in name.lower() else 32


def _shape(value: Value) -> list[int] | None:
    if isinstance(value, Array):
        if value.ndim == 0:
            return []
        if value.count is not None:
            return [value.count]
    return None
