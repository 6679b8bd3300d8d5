"""What an expression is, as far as the text tells; one half of the Follower (the other: calls.py, follow.py)."""

from __future__ import annotations

import ast
import builtins
import math
import operator
from typing import Any

from . import literals, mlx_api
from .frames import Scope
from .values import (NONE, UNKNOWN, Api, Array, Class, Dtype, Function, Host, Instance, Items, Layer, Mapping, Method, Module, Number, Opened, Shape, Textual, Value, join)

_BUILTINS = set(dir(builtins))
_OPERATORS: dict[type, str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
                               ast.MatMult: "@", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>"}
_FOLDED = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv, "%": operator.mod}
_CONSTANTS = {"mlx.core.pi": math.pi, "mlx.core.e": math.e, "mlx.core.inf": math.inf, "mlx.core.nan": math.nan, "mlx.core.euler_gamma": 0.5772156649015329,
              "math.pi": math.pi, "math.e": math.e, "math.inf": math.inf, "math.nan": math.nan, "math.tau": math.tau, "numpy.pi": math.pi,
              "numpy.inf": math.inf, "numpy.nan": math.nan, "numpy.e": math.e}
_SUBMODULES = {"mlx.core", "mlx.nn", "mlx.utils", "mlx.optimizers", "mlx.core.fast", "mlx.core.fft", "mlx.core.random", "mlx.core.linalg", "mlx.core.metal",
               "mlx.core.distributed", "mlx.nn.losses", "mlx.nn.init", "mlx.nn.layers", "numpy.fft", "numpy.random", "numpy.linalg", "scipy.fft"}
LONGEST_TEXT = 1 << 20


class Expressions:
    """Everything but calls."""

    def evaluate(self: Any, node: ast.AST, scope: Scope) -> Value:
        handler = self._EXPRESSIONS.get(type(node))
        if handler is None:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self.evaluate(child, scope)
            return UNKNOWN
        return handler(self, node, scope)

    def _constant(self: Any, node: ast.Constant, scope: Scope) -> Value:
        value = node.value
        if value is None:
            return NONE
        if isinstance(value, str):
            if id(node) not in self.texts:
                self.texts[id(node)] = Textual(literals.of_constant(self.source, node), value)
            return self.texts[id(node)]
        if isinstance(value, bool):
            return Number("bool", value)
        if isinstance(value, (int, float, complex)):
            return Number(type(value).__name__, value)
        return UNKNOWN

    def _name(self: Any, node: ast.Name, scope: Scope) -> Value:
        found = scope.lookup(node.id)
        if found is not None:
            return found
        return Api("builtins." + node.id) if node.id in _BUILTINS else UNKNOWN

    def _attribute(self: Any, node: ast.Attribute, scope: Scope) -> Value:
        owner = self.evaluate(node.value, scope)
        value = self._member(owner, node, scope)
        self.tell("attribute", scope, node, owner, value)
        return value

    def _member(self: Any, owner: Value, node: ast.Attribute, scope: Scope) -> Value:
        name = node.attr
        if isinstance(owner, Module):
            return self.member_of_module(owner.name, name)
        if isinstance(owner, Api):
            return self.member_of_module(owner.name, name)
        if isinstance(owner, Array):
            return self._member_of_array(owner, name)
        if isinstance(owner, Instance):
            from .follow import dotted

            path = dotted(node)
            known = scope.lookup(path) if path else None
            if known is not None and path.split(".")[0] in scope.env:
                return known
            if owner.info is not None:
                found = owner.info.attribute(name)
                if found is not None:
                    return found
                method = owner.info.method(name)
                if method is not None:
                    if method.info is not None and method.info.is_property:
                        return self.result_of(method.info)
                    return Function(method.node, method.info, owner)
                if owner.info.is_nn and name in ("parameters", "trainable_parameters", "eval", "train"):
                    return Method(owner, name)
            return UNKNOWN
        if isinstance(owner, Class) and owner.info is not None:
            return owner.info.attribute(name) or owner.info.method(name) or UNKNOWN
        if isinstance(owner, Layer):
            return Array() if name in ("weight", "bias", "scales", "biases", "running_mean", "running_var") else UNKNOWN
        if isinstance(owner, Host):
            if name == "shape":
                return Shape()
            if name in ("size", "ndim"):
                return Number("int", is_dim=True)
            return Method(owner, name)
        if isinstance(owner, (Textual, Items, Mapping, Opened, Number)) or (isinstance(owner, Method) and owner.name == "at[]"):
            return Method(owner, name)
        return UNKNOWN

    def _member_of_array(self: Any, owner: Array, name: str) -> Value:
        if name == "shape":
            return Shape()
        if name in ("size", "ndim", "nbytes", "itemsize"):
            return Number("int", is_dim=True)
        if name == "dtype":
            return Dtype(owner.dtype) if owner.dtype else UNKNOWN
        if name in ("T", "mT"):
            return owner.but(spectrum=None, count=owner.count)
        if name in ("real", "imag"):
            return Array("float32" if owner.dtype == "complex64" else owner.dtype)
        return Method(owner, name)

    def member_of_module(self: Any, owner: str, name: str) -> Value:
        full = f"{owner}.{name}"
        if full in _SUBMODULES:
            return Module(full)
        if full in _CONSTANTS:
            return Number("float", _CONSTANTS[full])
        if owner == "mlx.core":
            if name in mlx_api.DTYPES or name == "bool":
                return Dtype("bool_" if name == "bool" else name)
            if name == "newaxis":
                return NONE
        if owner in ("mlx.nn", "mlx.nn.layers") and name in mlx_api.LAYERS:
            return Api("mlx.nn.layers." + name)
        return Api(full)

    def _tuple(self: Any, node: Any, scope: Scope) -> Value:
        if any(isinstance(each, ast.Starred) for each in node.elts):
            for each in node.elts:
                self.evaluate(each.value if isinstance(each, ast.Starred) else each, scope)
            return Items(None)
        return Items(tuple(self.evaluate(each, scope) for each in node.elts))

    def _set(self: Any, node: ast.Set, scope: Scope) -> Value:
        for each in node.elts:
            self.evaluate(each, scope)
        return UNKNOWN

    def _dict(self: Any, node: ast.Dict, scope: Scope) -> Value:
        every: Value | None = None
        known = []
        for key, item in zip(node.keys, node.values):
            name = self.evaluate(key, scope) if key is not None else UNKNOWN
            value = self.evaluate(item, scope)
            every = value if every is None else join(every, value)
            if isinstance(name, Textual) and name.constant is not None:
                known.append((name.constant, value))
        return Mapping(every or UNKNOWN, tuple(known))

    # Operators.

    def _binary(self: Any, node: ast.BinOp, scope: Scope) -> Value:
        left = self.evaluate(node.left, scope)
        right = self.evaluate(node.right, scope)
        return self.operate(node, node.op, left, right, node.left, node.right, scope)

    def operate(self: Any, node: ast.AST, operation: ast.operator, left: Value, right: Value, left_node: ast.AST, right_node: ast.AST,
                scope: Scope) -> Value:
        name = _OPERATORS[type(operation)]
        result = _operated(name, left, right)
        if isinstance(left, Textual) or (isinstance(right, Textual) and name == "+"):
            result = self._text_operation(node, name, left, right)
        if name == "/" and isinstance(right, Textual) and (right.constant or "").endswith(".metal"):
            return Opened(right.constant)
        if isinstance(left, (Array, Host)) or isinstance(right, (Array, Host)):
            self.tell("operation", scope, node, name, left, right, left_node, right_node, result)
            for listener in self.listeners:  # what a rule knows of the result (scales of transforms)
                if hasattr(listener, "refine") and isinstance(result, Array):
                    result = listener.refine(self, scope, node, name, left, right, left_node, right_node, result)
        return result

    def _text_operation(self: Any, node: ast.AST, name: str, left: Value, right: Value) -> Value:
        if name == "+" and isinstance(left, Textual) and isinstance(right, Textual) and left.text is not None and right.text is not None:
            if len(left.text.value) + len(right.text.value) > LONGEST_TEXT:
                return Textual(is_varying=True)
            constant = left.constant + right.constant if left.constant is not None and right.constant is not None else None
            return Textual(left.text + right.text, constant, left.is_varying or right.is_varying, left.file or right.file)
        return Textual(is_varying=True)

    def _unary(self: Any, node: ast.UnaryOp, scope: Scope) -> Value:
        value = self.evaluate(node.operand, scope)
        if isinstance(node.op, ast.Not):
            self.truth_of(node.operand, value, scope)
            return Number("bool")
        if isinstance(value, Array):
            return value.but(is_evaluated=False, constant=None)
        if isinstance(value, Number):
            if value.constant is not None and isinstance(node.op, ast.USub):
                return Number("int" if value.kind == "bool" else value.kind, -value.constant)
            return Number("int" if value.kind == "bool" else value.kind, is_dim=value.is_dim, pulled=value.pulled)
        return value if isinstance(value, Host) else UNKNOWN

    def _boolean(self: Any, node: ast.BoolOp, scope: Scope) -> Value:
        value: Value | None = None
        before = scope.env
        scope.env = dict(before)
        for number, each in enumerate(node.values):
            one = self.evaluate(each, scope)
            if number < len(node.values) - 1:
                self.truth_of(each, one, scope)
                scope.env.update(self.narrowed(each, isinstance(node.op, ast.And), scope))
            value = one if value is None else join(value, one)
        scope.env = before
        return value or UNKNOWN

    def _compare(self: Any, node: ast.Compare, scope: Scope) -> Value:
        values = [self.evaluate(each, scope) for each in [node.left, *node.comparators]]
        if any(isinstance(op, (ast.Is, ast.IsNot, ast.In, ast.NotIn)) for op in node.ops):
            return Number("bool")
        if len(values) == 2 and any(isinstance(each, Textual) for each in values):
            return Number("bool")  # `mask == "causal"` is False for an array, without looking into it
        if len(node.ops) > 1 and any(isinstance(each, Array) for each in values):
            self.tell("truth", scope, node, Array("bool_"))  # a < x < b asks for the truth of a < x
        if any(isinstance(each, Array) for each in values):
            if len(node.ops) == 1:
                self.tell("compare", scope, node, values[0], values[1])
            return Array("bool_")
        if any(isinstance(each, Host) for each in values):
            return Host()
        return Number("bool")

    def _choice(self: Any, node: ast.IfExp, scope: Scope) -> Value:
        self.truth(node.test, scope)
        before = scope.env
        scope.env = {**before, **self.narrowed(node.test, True, scope)}
        yes = self.evaluate(node.body, scope)
        scope.env = {**before, **self.narrowed(node.test, False, scope)}
        no = self.evaluate(node.orelse, scope)
        scope.env = before
        return join(yes, no)

    def truth(self: Any, node: ast.AST, scope: Scope) -> None:
        """`node` decides where the program goes."""
        self.truth_of(node, self.evaluate(node, scope), scope)

    def truth_of(self: Any, node: ast.AST, value: Value, scope: Scope) -> None:
        if isinstance(node, ast.BoolOp):
            node = node.values[-1]  # the others have been told
        if isinstance(value, Array) and not (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)):
            self.tell("truth", scope, node, value)

    def narrowed(self: Any, test: ast.AST, holds: bool, scope: Scope) -> dict[str, Value]:
        """What a test tells of names."""
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            return self.narrowed(test.operand, not holds, scope)
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And if holds else ast.Or):
            found: dict[str, Value] = {}
            for each in test.values:
                found |= self.narrowed(each, holds, scope)
            return found
        if not (isinstance(test, ast.Call) and isinstance(test.func, ast.Name) and test.func.id == "isinstance" and len(test.args) == 2):
            return {}
        name = test.args[0].id if isinstance(test.args[0], ast.Name) else None
        if name is None:
            return {}
        kind = self.quietly(test.args[1], scope)
        is_mlx = isinstance(kind, Api) and kind.name == "mlx.core.array"
        if is_mlx and holds:
            now = scope.lookup(name)
            return {name: now if isinstance(now, Array) else Array()}
        if is_mlx:
            return {name: UNKNOWN} if isinstance(scope.lookup(name), Array) else {}
        if holds and isinstance(kind, Api) and kind.name in ("builtins.int", "builtins.float", "builtins.bool"):
            return {name: Number(kind.name.split(".")[1])}
        return {name: UNKNOWN} if holds and isinstance(scope.lookup(name), Array) else {}

    # Parts.

    def _subscript(self: Any, node: ast.Subscript, scope: Scope) -> Value:
        owner = self.evaluate(node.value, scope)
        index = self.evaluate(node.slice, scope)
        if isinstance(owner, Method) and owner.name == "at":
            return Method(owner.owner, "at[]")
        if isinstance(owner, Array):
            return Array(owner.dtype, owner.is_evaluated, spectrum=owner.spectrum, is_range=owner.is_range)
        if isinstance(owner, Host):
            return Host(owner.kind, owner.dtype) if not isinstance(index, Number) or owner.kind == "numpy" else UNKNOWN
        if isinstance(owner, Shape):
            return Items(None, Number("int", is_dim=True)) if isinstance(node.slice, ast.Slice) else Number("int", is_dim=True)
        if isinstance(owner, Items):
            if isinstance(node.slice, ast.Slice):
                return Items(None, owner.any())
            if isinstance(index, Number) and isinstance(index.constant, int):
                return self.item(owner, index.constant)
            return owner.any()
        if isinstance(owner, Mapping):
            if isinstance(index, Textual) and index.constant is not None:
                return dict(owner.known).get(index.constant, UNKNOWN if owner.known else owner.every)
            return owner.every
        return UNKNOWN

    def item(self: Any, value: Value, number: int) -> Value:
        if isinstance(value, Items):
            if value.items is not None and -len(value.items) <= number < len(value.items):
                return value.items[number]
            return value.every
        if isinstance(value, Array):
            return Array(value.dtype, value.is_evaluated)
        if isinstance(value, Shape):
            return Number("int", is_dim=True)
        return UNKNOWN

    def element(self: Any, value: Value, node: ast.AST, scope: Scope) -> Value:
        """What a loop over `value` takes in each turn."""
        if isinstance(value, Items):
            return value.any()
        if isinstance(value, Array):
            return Array(value.dtype, value.is_evaluated)
        if isinstance(value, Shape):
            return Number("int", is_dim=True)
        return UNKNOWN

    def _comprehension(self: Any, node: Any, scope: Scope) -> Value:
        inside = Scope(scope, node, scope.function)
        inside.env = dict(scope.env) if scope.owner is None else {}
        inside.globals, inside.loops, inside.tests = scope.globals, [*scope.loops, node], scope.tests
        for generator in node.generators:
            turn = self.element(self.evaluate(generator.iter, inside), generator.iter, inside)
            self.assign(generator.target, turn, None, inside)
            for test in generator.ifs:
                self.truth(test, inside)
                inside.env.update(self.narrowed(test, True, inside))
        if isinstance(node, ast.DictComp):
            self.evaluate(node.key, inside)
            return Mapping(self.evaluate(node.value, inside))
        return Items(None, self.evaluate(node.elt, inside))

    def _named(self: Any, node: ast.NamedExpr, scope: Scope) -> Value:
        value = self.evaluate(node.value, scope)
        self.assign(node.target, value, node.value, scope)
        return value

    def _lambda(self: Any, node: ast.Lambda, scope: Scope) -> Value:
        return self.define_function(node, scope)

    def _yield(self: Any, node: Any, scope: Scope) -> Value:
        if node.value is not None:
            scope.yields.append(self.evaluate(node.value, scope))
        return UNKNOWN

    def _fstring(self: Any, node: ast.JoinedStr, scope: Scope) -> Value:
        literal = literals.Literal(self.source, node)
        pieces, part, is_varying = [], 0, False
        for each in node.values:
            if isinstance(each, ast.Constant):
                pieces.append(literals.Piece(str(each.value), literal, part))
                continue
            part += 1
            self.outputs += 1
            value = self.evaluate(each.value, scope)
            self.outputs -= 1
            text = None
            if each.format_spec is None and each.conversion == -1:
                text = _text_of(value)
            is_varying |= text is None
            if isinstance(value, Textual) and value.text is not None and text is not None:
                pieces += value.text.pieces
            else:
                pieces.append(literals.Piece("0" if text is None else text, None, around=literal))
        text = literals.Text.of(pieces)
        return Textual(text, None if is_varying else text.value, is_varying)

    _EXPRESSIONS: dict[type, Any] = {
        ast.Constant: _constant, ast.Name: _name, ast.Attribute: _attribute, ast.Tuple: _tuple, ast.List: _tuple, ast.Set: _set, ast.Dict: _dict,
        ast.BinOp: _binary, ast.UnaryOp: _unary, ast.BoolOp: _boolean, ast.Compare: _compare, ast.IfExp: _choice, ast.Subscript: _subscript,
        ast.ListComp: _comprehension, ast.SetComp: _comprehension, ast.GeneratorExp: _comprehension, ast.DictComp: _comprehension,
        ast.NamedExpr: _named, ast.Lambda: _lambda, ast.Yield: _yield, ast.Await: _yield, ast.JoinedStr: _fstring,
    }


def _text_of(value: Value) -> str | None:
    if isinstance(value, Textual):
        return value.constant
    if isinstance(value, Number) and value.constant is not None:
        return str(value.constant)
    return None


def _operated(name: str, left: Value, right: Value) -> Value:
    if isinstance(left, Host) and isinstance(right, (Host, Array, Number)):
        return Host("numpy", left.dtype)
    if isinstance(left, Number) and left.is_numpy and isinstance(right, Array):
        return Host("numpy")
    if isinstance(left, Array) and isinstance(right, Array):
        if left.dtype in mlx_api.INTEGERS and right.dtype in mlx_api.INTEGERS and name == "/":
            return Array("float32")
        return Array(mlx_api.promoted(left.dtype, right.dtype))
    if isinstance(left, Array) or isinstance(right, Array):
        array, other = (left, right) if isinstance(left, Array) else (right, left)
        assert isinstance(array, Array)
        if isinstance(other, Host):
            return Array(array.dtype)
        if not isinstance(other, Number):
            return Array() if isinstance(left, Array) or other is UNKNOWN else UNKNOWN
        if other.is_numpy:
            return Array(array.dtype)
        dtype = mlx_api.with_number(array.dtype, other.kind)
        if name == "/" and dtype is not None and dtype in (*mlx_api.INTEGERS, "bool_"):
            dtype = "float32"
        return Array(dtype, is_range=array.is_range)
    if isinstance(left, Number) and isinstance(right, Number):
        return _folded(name, left, right)
    if isinstance(left, Items) and isinstance(right, Items) and name == "+":
        if left.items is not None and right.items is not None:
            return Items(left.items + right.items)
        return Items(None, join(left.any(), right.any()))
    if isinstance(left, Items) and name == "*":
        count = right.constant if isinstance(right, Number) else None
        if left.items is not None and isinstance(count, int) and 0 <= count * len(left.items) <= 64:
            return Items(left.items * count)
        return Items(None, left.any())
    return UNKNOWN


def _folded(name: str, left: Number, right: Number) -> Value:
    pulled = left.pulled or right.pulled
    is_dim = left.is_dim or right.is_dim
    if "complex" in (left.kind, right.kind):
        kind: str | None = "complex"
    elif name == "/" or "float" in (left.kind, right.kind):
        kind = "float"
    else:
        kind = "int" if left.kind and right.kind else None
    constant = None
    if left.constant is not None and right.constant is not None:
        try:
            if name in _FOLDED:
                constant = _FOLDED[name](left.constant, right.constant)
            elif name == "**" and abs(right.constant) <= 128 and abs(left.constant) < 1 << 64:
                constant = left.constant**right.constant
            elif name == "<<" and 0 <= right.constant <= 128:
                constant = left.constant << right.constant
        except (ArithmeticError, TypeError, ValueError):
            constant = None
    if constant is not None:
        kind = type(constant).__name__
    if name == "/" and is_dim:
        is_dim = False
    return Number(kind, constant, is_dim and kind == "int", left.is_numpy or right.is_numpy, pulled)


