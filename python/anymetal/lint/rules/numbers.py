"""Numbers and types: what a Python number does to an expression, what an array can't hold, float64, complex64 on Metal.

MLX's rules, as it is and not as the guides have it: operators are overloaded, a Python number gives way to the array's type (float16 stays
float16), an array made of a number does not. So only those numbers are reported that change the type or lose their value.
"""

from __future__ import annotations

import ast
import math
from typing import Any

from .. import mlx_api
from ..values import Api, Array, Dtype, Instance, Method, Number, Value
from .graph_breaks import _code

ARITHMETIC = {"+", "-", "*", "/", "//", "%", "**"}


class Numbers:
    def __init__(self, report: Any) -> None:
        self.report = report

    # Tensor expressions.

    def operation(self, follower: Any, scope: Any, node: ast.AST, name: str, left: Value, right: Value, left_node: ast.AST, right_node: ast.AST,
                  result: Value) -> None:
        if name not in ARITHMETIC:
            return
        if isinstance(left, Array) and isinstance(right, Array):
            self._strong(follower, node, left, right, left_node, right_node)
            self._complex_operator(follower, node, name, left, right)
            return
        for array, other, other_node, is_right in ((left, right, right_node, True), (right, left, left_node, False)):
            if isinstance(array, Array) and isinstance(other, Number):
                self._weak(follower, node, name, array, other, other_node, is_right)
                if array.dtype == "complex64":
                    self._complex_operator(follower, node, name, array, array)

    def call(self, follower: Any, scope: Any, node: ast.Call, function: Value, arguments: list, named: dict, result: Value) -> None:
        if not isinstance(function, Api):
            return
        module, _, short = function.name.rpartition(".")
        if module == "mlx.core":
            if short in mlx_api.BINARY and len(arguments) >= 2 and short not in ("matmul", "inner", "outer", "tensordot", "addmm", "kron", "vecdot"):
                operator = mlx_api.BINARY[short]
                (left_node, left), (right_node, right) = arguments[:2]
                self.operation(follower, scope, node, operator if operator in ARITHMETIC else "+", left, right, left_node, right_node, result)
            elif short == "where" and len(arguments) == 3:
                (a_node, a), (b_node, b) = arguments[1:]
                self.operation(follower, scope, node, "+", a, b, a_node, b_node, result)
            elif short == "full" and len(arguments) >= 2:
                self._filled(follower, node, arguments, named)
            if short in mlx_api.COMPLEX_REFUSED | mlx_api.COMPLEX_NO_KERNEL:
                self._complex_call(follower, node, short, arguments)
            if short == "array" and isinstance(arguments[0][1] if arguments else None, (Number,)):
                self._array_of_number(follower, node, arguments, named)
        self._float64(follower, scope, node, function.name, arguments, named)

    def _weak(self, follower: Any, node: ast.AST, name: str, array: Array, number: Number, number_node: ast.AST, is_right: bool) -> None:
        """A Python number takes the array's type."""
        dtype, value = array.dtype, number.constant
        if dtype is None or number.kind is None:
            return
        if number.is_numpy:
            if is_right and dtype in mlx_api.INTEGERS and number.kind == "float" and isinstance(value, float) and value != int(value):
                self._report(follower, node, f"`{_code(number_node)}` is a NumPy number: MLX casts it to the array's {dtype}, so it is {int(value)} here",
                             "a Python number (`float(...)`) makes the result float32")
            return
        if dtype in mlx_api.INTEGERS and number.kind == "float":
            if array.is_range:
                return  # indices on the way to coordinates
            if name in ("/", "**") and not (name == "**" and is_right and isinstance(value, float) and value == int(value)):
                if not (name == "**"):
                    return  # the quotient is float32 with any number
            self._report(follower, node, f"a Python float makes this expression float32: the array is {dtype}"
                         + (", whose values above 2**24 float32 can't hold" if dtype in ("int32", "uint32", "int64", "uint64") else ""),
                         "if that is meant, say so with `.astype(mx.float32)`; else use an int")
        elif dtype in mlx_api.INTEGERS and number.kind == "int" and isinstance(value, int):
            low, high = mlx_api.INTEGERS[dtype]
            if not low <= value <= high:
                self._report(follower, node, f"{value} is beyond {dtype} ({low} to {high}): MLX raises ValueError here",
                             f"`.astype(...)` of the array to a type that holds {value}")
            elif name == "**" and is_right and value < 0:
                self._report(follower, node, f"an {dtype} array to the power of {value} stays {dtype}: the result is 0 but for 1 and -1",
                             f"`** {float(value)}`, or `mx.reciprocal`")
        elif dtype in mlx_api.FLOATS and dtype != "float64" and isinstance(value, (int, float)) and not isinstance(value, bool):
            self._into_float(follower, node, name, dtype, value, is_right)

    def _into_float(self, follower: Any, node: ast.AST, name: str, dtype: str, value: float, is_right: bool) -> None:
        if math.isnan(value) or math.isinf(value) or value == 0:
            return
        if abs(value) > mlx_api.LARGEST[dtype]:
            if name in ("+", "-") and dtype == "float16":
                self._report(follower, node, f"{value:g} is beyond float16 (65504 at most): it is inf here", "`-mx.inf` if it masks; or compute in float32")
            else:
                self._report(follower, node, f"{value:g} is beyond {dtype} ({mlx_api.LARGEST[dtype]:g} at most): it is inf here", "compute in float32")
        elif abs(value) <= mlx_api.SMALLEST[dtype]:
            self._report(follower, node, f"{value:g} is below what {dtype} can hold: it is 0 here" + (", and a sum with it is unchanged" if name in "+-" else ""),
                         "a larger constant (float16: from 6e-8 on), or compute in float32")
        elif isinstance(value, int) and name != "**" and float(value) == value and _bits(value) > mlx_api.EXACT_BITS[dtype]:
            self._report(follower, node, f"{value} isn't a {dtype}: {mlx_api.EXACT_BITS[dtype]} bits are exact, so it is rounded here",
                         "compute in float32" if dtype != "float32" else "compute in int32")

    def _strong(self, follower: Any, node: ast.AST, left: Array, right: Array, left_node: ast.AST, right_node: ast.AST) -> None:
        """An array made of a number doesn't give way."""
        for half, scalar, scalar_node in ((left, right, right_node), (right, left, left_node)):
            if half.dtype in ("float16", "bfloat16") and scalar.is_scalar and scalar.dtype == "float32" and not half.is_scalar:
                self._report(follower, node, f"`{_code(scalar_node)}` is an array of float32, so the {half.dtype} array is computed and stored as float32",
                             f"a Python number keeps {half.dtype}; or say dtype=mx.{half.dtype}")
                return

    def _array_of_number(self, follower: Any, node: ast.Call, arguments: list, named: dict) -> None:
        number = arguments[0][1]
        given = named["dtype"][1] if "dtype" in named else arguments[1][1] if len(arguments) > 1 else None
        if isinstance(given, Dtype) and isinstance(number, Number) and isinstance(number.constant, float):
            problem = _cant_hold(given.name, number)
            if problem:
                self._report(follower, node, f"`{_code(arguments[0][0])}` doesn't fit into {given.name}: {problem}", "another dtype, or another number")

    def _filled(self, follower: Any, node: ast.Call, arguments: list, named: dict) -> None:
        number = arguments[1][1]
        given = named["dtype"][1] if "dtype" in named else arguments[2][1] if len(arguments) > 2 else None
        if isinstance(given, Dtype) and given.name in mlx_api.INTEGERS and isinstance(number, Number) and number.kind == "float":
            self._report(follower, node, f"mx.full with a Python float gives float32, whatever dtype says: {given.name} is not taken",
                         "an int, or `.astype` behind it")

    def _report(self, follower: Any, node: ast.AST, message: str, remedy: str) -> None:
        self.report(follower, "PYTHON-SCALAR-002", node, message, remedy)

    # Assignments.

    def store_item(self, follower: Any, scope: Any, target: ast.AST, owner: Array, node: ast.AST | None, value: Value) -> None:
        if not isinstance(value, Number) or owner.dtype is None or node is None:
            return
        is_sum = isinstance(target, ast.AugAssign)
        if is_sum and isinstance(target.op, (ast.Div, ast.Mult)) and owner.dtype not in mlx_api.INTEGERS:
            return
        problem = _cant_hold(owner.dtype, value)
        if problem:
            self.report(follower, "ASSIGN-SCALAR-001", target if not isinstance(target, ast.Subscript) else node,
                        f"`{_code(node)}` goes into an array of {owner.dtype}: {problem}",
                        "an array of another dtype, or a number that this one holds")

    def method(self, follower: Any, scope: Any, node: ast.Call, owner: Value, name: str, arguments: list, named: dict) -> None:
        if isinstance(owner, Method) and isinstance(owner.owner, Array) and arguments and isinstance(arguments[0][1], Number):
            problem = _cant_hold(owner.owner.dtype or "", arguments[0][1])
            if problem:
                self.report(follower, "ASSIGN-SCALAR-001", arguments[0][0],
                            f"`{_code(arguments[0][0])}` goes into an array of {owner.owner.dtype}: {problem}",
                            "an array of another dtype, or a number that this one holds")
        if not isinstance(owner, Array):
            return
        if name == "astype" and any(isinstance(value, Dtype) and value.name == "float64" for _, value in arguments):
            self._say_float64(follower, node)
        if owner.dtype == "complex64" and name in ("argmin", "argmax"):
            self._say_complex(follower, node, name)

    def store_attribute(self, follower: Any, scope: Any, target: ast.Attribute, owner: Value, node: ast.AST | None, value: Value) -> None:
        """A parameter of a module becomes a plain number: the optimizer no longer sees it."""
        if not isinstance(owner, Instance) or owner.info is None or not owner.info.is_nn or not isinstance(value, Number) or node is None:
            return
        function = scope.function
        if function is None or function.name == "__init__" or value.pulled is not None:
            return
        init = owner.info.method("__init__")
        if init is None or not _makes_array(follower, init, target.attr):
            return
        self.report(follower, "ASSIGN-SCALAR-001", node,
                    f"`self.{target.attr}` is an array that __init__ makes a parameter; a Python number in its place is no parameter: it isn't trained or saved",
                    f"`self.{target.attr} = mx.array({_code(node)})`")

    # float64.

    def _float64(self, follower: Any, scope: Any, node: ast.Call, name: str, arguments: list, named: dict) -> None:
        if not name.startswith("mlx."):
            return
        values = [value for _, value in arguments] + [value for key, (_, value) in named.items() if key == "dtype"]
        if any(isinstance(value, Dtype) and value.name == "float64" for value in values):
            self._say_float64(follower, node)

    def _say_float64(self, follower: Any, node: ast.Call) -> None:
        if follower.is_on_cpu(node):
            return
        self.report(follower, "FLOAT64-001", node, "float64 has no GPU code in MLX: operations on it throw unless their stream is the CPU's",
                    "mx.float32; for sums that need more, two float32 (Kahan); or `stream=mx.cpu` here")

    # complex64.

    def _complex_call(self, follower: Any, node: ast.Call, name: str, arguments: list) -> None:
        if any(isinstance(value, Array) and value.dtype == "complex64" for _, value in arguments[:2]):
            self._say_complex(follower, node, name)

    def _complex_operator(self, follower: Any, node: ast.AST, name: str, left: Array, right: Array) -> None:
        if "complex64" in (left.dtype, right.dtype) and name in ("%", "//") and isinstance(node, (ast.BinOp, ast.AugAssign)):
            self._say_complex(follower, node, {"%": "remainder", "//": "floor_divide"}[name])

    def _say_complex(self, follower: Any, node: ast.AST, name: str) -> None:
        if name in mlx_api.COMPLEX_REFUSED:
            self.report(follower, "COMPLEX-OP-001", node, f"mx.{name} isn't defined for complex64: MLX raises ValueError", "work on `.real` and `.imag`")
        elif not (isinstance(node, ast.Call) and follower.is_on_cpu(node)):
            self.report(follower, "COMPLEX-OP-001", node, f"MLX's Metal back end has no mx.{name} for complex64: it fails on the GPU when it is evaluated",
                        f"`stream=mx.cpu` for this operation, or {'mx.abs first' if name.startswith('arg') else 'a formula of exp and log'}")


def _cant_hold(dtype: str, number: Number) -> str | None:
    value = number.constant
    if dtype in mlx_api.INTEGERS:
        if number.kind == "float":
            if value is None or math.isnan(value) or math.isinf(value):
                return "what is behind the point is cut off" if value is None else f"{value} has no {dtype}"
            return f"what is behind the point is cut off ({value} becomes {int(value)})" if value != int(value) else None
        if number.kind == "int" and isinstance(value, int):
            low, high = mlx_api.INTEGERS[dtype]
            return None if low <= value <= high else f"it is beyond {low} to {high}, and MLX raises ValueError"
        return None
    if dtype in ("float16", "bfloat16", "float32") and isinstance(value, (int, float)) and not isinstance(value, bool):
        if math.isnan(value) or math.isinf(value) or value == 0:
            return None
        if abs(value) > mlx_api.LARGEST[dtype]:
            return f"it becomes inf ({mlx_api.LARGEST[dtype]:g} at most)"
        if abs(value) <= mlx_api.SMALLEST[dtype]:
            return "it becomes 0"
    if dtype == "bool_" and number.kind in ("int", "float") and value not in (None, 0, 1):
        return f"{value} becomes True"
    return None


def _bits(value: int) -> int:
    value = abs(value)
    while value and value % 2 == 0:
        value //= 2
    return value.bit_length()


def _makes_array(follower: Any, init: Any, name: str) -> bool:
    scope = init.info.scope if init.info is not None else None
    if scope is None:
        return False
    for each in ast.walk(init.node):
        if isinstance(each, ast.Assign) and any(isinstance(target, ast.Attribute) and target.attr == name for target in each.targets):
            return isinstance(follower.quietly(each.value, scope), Array)
    return False

