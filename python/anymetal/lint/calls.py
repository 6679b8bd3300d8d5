"""What a call gives, and what it does to what it is given; the other half of the Follower."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from . import kernels, literals, mlx_api
from .expressions import Expressions
from .frames import CACHES, Scope
from .source import SourceFile, Unreadable, read
from .values import (NONE, UNKNOWN, Api, Array, Class, Dtype, Function, Host, Instance, Items, Kernel, Layer, Mapping, Method, Number, Opened, Shape,
                     Textual, Transformed, Value, join)

# What is written for people: values that go there have to leave the graph.
OUTPUT_NAMES = {"print", "pprint", "debug", "info", "warning", "warn", "error", "exception", "critical", "log", "write", "writelines", "set_postfix",
                "set_description", "set_postfix_str", "format", "dump", "dumps", "writerow", "add_scalar", "echo", "secho", "update_bar",
                "imshow", "plot", "scatter", "savefig", "imsave", "fromarray", "assertEqual", "assertTrue", "assertFalse", "assertAlmostEqual",
                "assertLess", "assertGreater", "assertLessEqual", "assert_allclose", "assert_array_equal", "repr", "str"}
_HOST_MAKERS = {"array", "asarray", "asanyarray", "ascontiguousarray", "copy", "from_dlpack"}
_STREAM_ARGUMENTS = {"stream"}


class Calls(Expressions):
    def call(self: Any, node: ast.Call, scope: Scope) -> Value:
        function = self.evaluate(node.func, scope)
        is_output = _name_of(node.func) in OUTPUT_NAMES and not (isinstance(function, Api) and function.name.startswith("mlx.")) \
            and not isinstance(function, (Function, Kernel)) and not isinstance(getattr(function, "owner", None), Array)
        self.outputs += is_output
        arguments = [(each.value if isinstance(each, ast.Starred) else each,
                      _starred(self.evaluate(each.value, scope)) if isinstance(each, ast.Starred) else self.evaluate(each, scope)) for each in node.args]
        named = {each.arg: (each.value, self.evaluate(each.value, scope)) for each in node.keywords}
        self.outputs -= is_output
        if isinstance(function, Transformed) and function.kind == "partial":
            function = function.function
        result = self._result(node, function, arguments, named, scope)
        self.tell("call", scope, node, function, arguments, named, result)
        for listener in self.listeners:
            if hasattr(listener, "refine_call") and isinstance(result, Array):
                result = listener.refine_call(self, scope, node, function, arguments, named, result)
        return result

    def _result(self: Any, node: ast.Call, function: Value, arguments: list, named: dict, scope: Scope) -> Value:
        if isinstance(function, Api):
            return self._api(node, function.name, arguments, named, scope)
        if isinstance(function, Function):
            return self._own(function, arguments, named)
        if isinstance(function, Kernel):
            return self._kernel(node, function, arguments, named, scope)
        if isinstance(function, Method):
            return self._method(node, function, arguments, named, scope)
        if isinstance(function, Layer):
            return Items((Array(), UNKNOWN)) if function.name in ("RNN", "GRU", "LSTM") else Array()
        if isinstance(function, Class):
            init = function.info.method("__init__") if function.info is not None else None
            if init is not None:
                self._give(Function(init.node, init.info, Instance(function.node, function.info)), arguments, named)
            return Instance(function.node, function.info)
        if isinstance(function, Instance) and function.info is not None:
            method = function.info.method("__call__")
            return UNKNOWN if method is None else self._own(Function(method.node, method.info, function), arguments, named)
        if isinstance(function, Transformed):
            return self._transformed(function, arguments, named)
        if isinstance(function, Dtype):
            return UNKNOWN
        return UNKNOWN

    # Functions of this module.

    def _own(self: Any, function: Function, arguments: list, named: dict) -> Value:
        if function.info is None:
            return UNKNOWN
        self._give(function, arguments, named)
        return self.result_of(function.info)

    def _give(self: Any, function: Function, arguments: list, named: dict) -> None:
        """Remembers what a call gives to parameters."""
        info = function.info
        if info is None or any(isinstance(node, ast.Starred) for node, _ in arguments):
            return
        parameters = [each.arg for each in info.parameters]
        if info.owner is not None and not info.is_static and function.owner is not None:
            parameters = parameters[1:]
        given = dict(zip(parameters, (value for _, value in arguments))) | {name: value for name, (_, value) in named.items() if name}
        for name, value in given.items():
            value = _general(value)
            info.given[name] = join(info.given[name], value) if name in info.given else value

    def _transformed(self: Any, function: Transformed, arguments: list, named: dict) -> Value:
        result = UNKNOWN
        if isinstance(function.function, (Function, Instance)):
            result = self._result(ast.Call(), function.function, arguments, named, Scope(None, ast.Module([], [])))
        if function.kind == "value_and_grad":
            return Items((result if isinstance(result, (Array, Items)) else Array(), UNKNOWN))
        if function.kind == "grad":
            return UNKNOWN
        return result

    def apply_decorator(self: Any, value: Value, decorator: Value, node: ast.AST, scope: Scope) -> Value:
        info = value.info if isinstance(value, Function) else None
        name = decorator.name if isinstance(decorator, Api) else ""
        if isinstance(node, ast.Call):
            called = self.quietly(node.func, scope)
            if isinstance(called, Api):
                name = called.name
            if name == "functools.partial" and node.args:
                first = self.quietly(node.args[0], scope)
                name = first.name if isinstance(first, Api) else ""
        if info is None:
            return UNKNOWN
        if name == "mlx.core.compile":
            info.is_compiled = True
        elif name in CACHES or name.rsplit(".", 1)[-1] in ("lru_cache", "cache", "memoize"):
            info.is_cached = True
        elif name in ("mlx.core.grad", "mlx.core.value_and_grad", "mlx.core.vmap", "mlx.core.checkpoint", "mlx.core.custom_function"):
            info.is_differentiated = True
        elif name in ("builtins.staticmethod",):
            info.is_static = True
        elif name in ("builtins.property", "functools.cached_property"):
            info.is_property = True
        elif name not in ("builtins.classmethod", "functools.wraps", "abc.abstractmethod", "typing.overload", "typing.no_type_check"):
            return UNKNOWN
        return value

    # Python's own functions.

    def _api(self: Any, node: ast.Call, name: str, arguments: list, named: dict, scope: Scope) -> Value:
        module, _, short = name.rpartition(".")
        first = arguments[0][1] if arguments else UNKNOWN
        if module == "builtins":
            return self._builtin(node, short, arguments, named, first)
        if name == "functools.partial":
            return Transformed("partial", first)
        if name in ("textwrap.dedent", "inspect.cleandoc"):
            if isinstance(first, Textual) and first.text is not None:
                text = first.text.dedented()
                return Textual(text, None if first.constant is None else text.value, first.is_varying, first.file)
            return Textual(is_varying=True)
        if name in ("pathlib.Path", "io.open", "pathlib.PurePath"):
            return Opened(first.constant if isinstance(first, Textual) else first.path if isinstance(first, Opened) else None)
        if module == "math":
            return Number("int" if short in ("ceil", "floor", "trunc", "gcd", "prod", "isqrt", "comb", "factorial") else "float",
                          _math(short, [value for _, value in arguments]))
        if module in ("numpy", "numpy.random", "numpy.linalg", "numpy.fft"):
            return _numpy(node, short, module, arguments, named)
        if name.startswith("mlx."):
            return self._mlx(node, name, arguments, named, scope)
        return UNKNOWN

    def _builtin(self: Any, node: ast.Call, name: str, arguments: list, named: dict, first: Value) -> Value:
        if name in ("float", "int", "bool", "complex"):
            if isinstance(first, Array):
                return Number(name, pulled=node)
            constant = None
            if isinstance(first, Number) and first.constant is not None:
                try:
                    constant = {"float": float, "int": int, "bool": bool, "complex": complex}[name](first.constant)
                except (ValueError, OverflowError):
                    pass
            elif name == "float" and isinstance(first, Textual) and (first.constant or "").lower().strip("+-") in ("inf", "infinity", "nan"):
                constant = float(first.constant)
            return Number(name, constant, is_dim=name == "int" and isinstance(first, Number) and first.is_dim,
                          pulled=first.pulled if isinstance(first, Number) else None)
        if name == "str":
            return Textual(first.text, first.constant) if isinstance(first, Textual) else Textual(is_varying=True)
        if name == "repr":
            return Textual(is_varying=True)
        if name == "len":
            return Number("int", is_dim=isinstance(first, (Array, Shape)))
        if name == "range":
            return Items(None, Number("int"))
        if name == "enumerate":
            return Items(None, Items((Number("int"), self.element(first, node, None))))
        if name == "zip":
            return Items(None, Items(tuple(self.element(value, node, None) for _, value in arguments)))
        if name in ("list", "tuple", "reversed", "sorted", "iter"):
            return first if isinstance(first, Items) else Items(None, self.element(first, node, None))
        if name == "sum" and isinstance(first, Items) and isinstance(first.any(), Array):
            return Array(first.any().dtype)
        if name in ("min", "max", "sum", "abs", "round", "divmod", "pow"):
            if name == "abs" and isinstance(first, (Array, Number)):
                return first if isinstance(first, Number) else first.but(spectrum=None)
            values = [value for _, value in arguments]
            if all(isinstance(value, Number) for value in values) and values:
                kinds = {value.kind for value in values}
                return Number(kinds.pop() if len(kinds) == 1 else None, _math(name, values), is_dim=any(value.is_dim for value in values))
            return UNKNOWN
        if name in ("dict",):
            return Mapping()
        if name == "open":
            return Opened(first.constant if isinstance(first, Textual) else first.path if isinstance(first, Opened) else None)
        if name in ("staticmethod", "classmethod") and isinstance(first, Function):
            return first
        return UNKNOWN

    def _method(self: Any, node: ast.Call, method: Method, arguments: list, named: dict, scope: Scope) -> Value:
        owner, name = method.owner, method.name
        first = arguments[0][1] if arguments else UNKNOWN
        self.tell("method", scope, node, owner, name, arguments, named)
        if isinstance(owner, Method) and isinstance(owner.owner, Array):  # x.at[i].add(y)
            return Array(owner.owner.dtype)
        if isinstance(owner, Array):
            return _method_of_array(node, owner, name, arguments, named)
        if isinstance(owner, Host):
            return Number("float") if name == "item" else Host(owner.kind, owner.dtype, owner.pulled)
        if isinstance(owner, Textual):
            return self._method_of_text(owner, name, arguments, named, first)
        if isinstance(owner, Opened):
            return self._read(owner, name, first)
        if isinstance(owner, Items):
            if name in ("append", "add") and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) and scope is not None:
                every = first if owner.items == () else join(owner.any(), first)
                scope.env[node.func.value.id] = Items(None, every)
            elif name in ("extend", "insert") and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
                scope.env[node.func.value.id] = Items(None)
            elif name == "pop":
                return owner.any()
            return UNKNOWN
        if isinstance(owner, Mapping):
            if name in ("get", "pop", "setdefault"):
                if isinstance(first, Textual) and first.constant in dict(owner.known):
                    return dict(owner.known)[first.constant]
                return owner.every if not owner.known else UNKNOWN
            if name == "values":
                return Items(None, owner.every)
            if name == "items":
                return Items(None, Items((UNKNOWN, owner.every)))
        return UNKNOWN

    # Text.

    def _method_of_text(self: Any, owner: Textual, name: str, arguments: list, named: dict, first: Value) -> Value:
        text = owner.text
        if text is None:
            return Textual(is_varying=True)
        if name in ("strip", "lstrip", "rstrip") and not arguments:
            cut = text.stripped(name != "rstrip", name != "lstrip")
            return Textual(cut, None if owner.constant is None else cut.value, owner.is_varying, owner.file)
        if name == "replace" and len(arguments) >= 2 and isinstance(first, Textual):
            new = arguments[1][1]
            if first.constant is not None and isinstance(new, Textual) and new.text is not None:
                changed = text.replaced(first.constant, new.text)
                is_known = owner.constant is not None and new.constant is not None
                return Textual(changed, changed.value if is_known else None, not is_known, owner.file)
            return Textual(text, None, True, owner.file)
        if name == "join" and isinstance(first, Items) and first.items is not None and all(isinstance(each, Textual) and each.text is not None
                                                                                           for each in first.items):
            joined, is_known = literals.Text.of([]), owner.constant is not None
            for number, each in enumerate(first.items):
                joined = joined + each.text if number == 0 else joined + text + each.text
                is_known &= each.constant is not None
            return Textual(joined, joined.value if is_known else None, not is_known)
        if name in ("split", "splitlines"):
            return Items(None, Textual(is_varying=True))
        if name == "format":
            return Textual(text, None, True, owner.file)
        return Textual(is_varying=True) if name in ("lower", "upper", "title", "encode", "removeprefix", "removesuffix", "expandtabs") else UNKNOWN

    def _read(self: Any, owner: Opened, name: str, first: Value) -> Value:
        if name in ("__truediv__", "joinpath"):
            return Opened(None)
        if name not in ("read", "read_text"):
            return Opened(owner.path) if name in ("__enter__", "resolve", "absolute", "expanduser", "open") else UNKNOWN
        if owner.path is None:
            return Textual(is_varying=True)
        path = Path(self.source.path).parent / owner.path
        try:
            if path.suffix not in (".metal", ".h", ".txt", ".msl", ".metalh") or not path.is_file():
                return Textual(None, None, False, owner.path)
            text = read(str(path))
        except (Unreadable, OSError):
            return Textual(None, None, False, owner.path)
        return Textual(literals.of_file(SourceFile(str(path), text)), text, False, owner.path)

    # MLX.

    def _mlx(self: Any, node: ast.Call, name: str, arguments: list, named: dict, scope: Scope) -> Value:
        short = name.rsplit(".", 1)[1]
        first = arguments[0][1] if arguments else next((value for _, value in named.values()), UNKNOWN)
        if name == "mlx.core.fast.metal_kernel":
            made = kernels.definition(self, node, arguments, named, scope)
            known = self.kernels.setdefault(node, made)
            if known is not made:  # the same text once more, better known
                vars(known).update({name: value for name, value in vars(made).items() if name != "calls"})
                made = known
            self.tell("kernel_made", scope, made)
            return Kernel(made, node)
        if name in ("mlx.core.eval", "mlx.core.async_eval"):
            for argument, value in arguments:
                self._mark_evaluated(argument, value, scope)
            # What these depend on is computed with them; which that is isn't known, so what was there before counts.
            scope.env |= {name: value.but(is_evaluated=True) for name, value in scope.env.items() if isinstance(value, Array)}
            return NONE
        if name in ("mlx.core.compile", "mlx.core.vmap", "mlx.core.checkpoint", "mlx.core.custom_function"):
            if isinstance(first, Function) and first.info is not None:
                if short == "compile":
                    first.info.is_compiled = True
                else:
                    first.info.is_differentiated = True
            return Transformed("same", first)
        if name in ("mlx.core.grad", "mlx.core.value_and_grad", "mlx.nn.value_and_grad", "mlx.core.vjp", "mlx.core.jvp"):
            loss = arguments[1][1] if name == "mlx.nn.value_and_grad" and len(arguments) > 1 else first
            if isinstance(loss, Function) and loss.info is not None:
                loss.info.is_differentiated = True
            return Transformed(short, loss)
        if name == "mlx.core.set_default_device" and arguments and self.is_cpu_stream(node):
            self.uses_cpu = True
        if name.startswith("mlx.core."):
            return _core(self, node, name[len("mlx.core."):], arguments, named, first)
        if name.startswith("mlx.nn."):
            return _nn(short, name, first)
        return UNKNOWN

    def is_cpu_stream(self: Any, node: ast.AST) -> bool:
        """Whether a call says that it wants the CPU: mx.stream(mx.cpu), f(..., stream=mx.cpu)."""
        if not isinstance(node, ast.Call):
            return False
        return any((isinstance(each, ast.Attribute) and each.attr == "cpu") or (isinstance(each, ast.Name) and "cpu" in each.id.lower())
                   for argument in [*node.args, *[each.value for each in node.keywords]] for each in ast.walk(argument))

    def is_on_cpu(self: Any, node: ast.Call) -> bool:
        return bool(self.on_cpu or self.uses_cpu or any(each.arg in _STREAM_ARGUMENTS and self.is_cpu_stream(ast.Call(node.func, [each.value], []))
                                                        for each in node.keywords))

    def _mark_evaluated(self: Any, node: ast.AST, value: Value, scope: Scope) -> None:
        from .follow import dotted

        if isinstance(node, (ast.Tuple, ast.List)) and isinstance(value, Items) and value.items is not None:
            for each, one in zip(node.elts, value.items):
                self._mark_evaluated(each, one, scope)
        elif isinstance(value, Array) and (path := dotted(node)):
            scope.env[path] = value.but(is_evaluated=True)
        elif isinstance(value, Items) and isinstance(node, ast.Name):
            every = value.any()
            if isinstance(every, Array):
                scope.env[node.id] = Items(None, every.but(is_evaluated=True)) if value.items is None else Items(
                    tuple(each.but(is_evaluated=True) if isinstance(each, Array) else each for each in value.items))

    def _kernel(self: Any, node: ast.Call, function: Kernel, arguments: list, named: dict, scope: Scope) -> Value:
        called = kernels.call(self, node, function.made, arguments, named, scope)
        if called is None:
            return UNKNOWN
        self.tell("kernel_called", scope, called)
        return Items(tuple(Array(dtype) for dtype in called.output_dtypes)) if called.output_dtypes else Items(None, Array())

    Expressions._EXPRESSIONS[ast.Call] = call


def _general(value: Value) -> Value:
    """What one call tells of a parameter: its kind; another call may give another number."""
    if isinstance(value, Array):
        return Array()
    if isinstance(value, Number):
        return Number(value.kind, is_dim=value.is_dim)
    if isinstance(value, (Function, Kernel, Class, Instance, Layer)):
        return value
    if isinstance(value, Textual):
        return value
    if isinstance(value, Items):
        return Items(None, _general(value.any()))
    return value if isinstance(value, (Host, Shape)) or value is NONE else UNKNOWN


def _starred(value: Value) -> Value:
    return UNKNOWN


def _name_of(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _math(name: str, values: list[Value]) -> object:
    import math

    numbers = [value.constant if isinstance(value, Number) else None for value in values]
    if not numbers or any(number is None for number in numbers):
        return None
    function = getattr(math, name, None) or {"min": min, "max": max, "abs": abs, "round": round}.get(name)
    if function is None or name in ("factorial", "comb", "perm", "pow", "ldexp", "exp", "exp2"):
        return None
    try:
        return function(*numbers)
    except (ArithmeticError, TypeError, ValueError):
        return None


def _numpy(node: ast.Call, name: str, module: str, arguments: list, named: dict) -> Value:
    first = arguments[0][1] if arguments else UNKNOWN
    if module == "numpy" and name in ("float32", "float64", "float16", "int32", "int64", "uint32", "int8", "uint8"):
        if isinstance(first, Array):
            return Number(name.rstrip("0123456789").lstrip("u"), is_numpy=True, pulled=node)
        constant = first.constant if isinstance(first, Number) else None
        return Number("float" if name.startswith("float") else "int", constant, is_numpy=True)
    if module == "numpy" and name in ("sqrt", "exp", "log", "sin", "cos", "abs") and isinstance(first, Number):
        return Number("float", is_numpy=True)
    if name in ("prod", "sum", "mean", "max", "min") and not isinstance(first, Host):
        return Number(None, is_numpy=True) if isinstance(first, Shape) else UNKNOWN
    dtype = named.get("dtype", (None, None))[0]
    type_name = dtype.attr if isinstance(dtype, ast.Attribute) else None
    if module in ("numpy.random", "numpy.linalg") or name in ("array", "asarray", "zeros", "ones", "arange", "linspace", "full", "eye", "empty", "concatenate",
                                                              "stack", "asanyarray", "ascontiguousarray", "from_dlpack", "copy", "frombuffer", "fromfile", "load"):
        pulled = node if isinstance(first, Array) and name in _HOST_MAKERS else None
        if type_name is None and pulled is None and (name in ("linspace", "zeros", "ones", "eye", "empty") or
                                                     (module == "numpy.random" and name in ("randn", "rand", "normal", "uniform", "random", "standard_normal"))):
            type_name = "float64"
        if name == "load":
            return UNKNOWN
        return Host("numpy", type_name, pulled)
    return Host("numpy", None) if any(isinstance(value, (Host, Array)) for _, value in arguments) else UNKNOWN


def _dtype_given(arguments: list, named: dict, position: int) -> str | None:
    """The dtype argument: its name, "" if there is one that isn't known, None if there is none."""
    value = named["dtype"][1] if "dtype" in named else arguments[position][1] if position < len(arguments) else None
    if value is None or value is NONE:
        return None
    return value.name if isinstance(value, Dtype) else ""


def _array_of(value: Value) -> str | None:
    """The dtype that mx.array gives to Python's values."""
    if isinstance(value, Number):
        if value.is_numpy:
            return None
        if value.kind == "int" and isinstance(value.constant, int):
            return "int32" if -2**31 <= value.constant < 2**31 else "int64"
        return {"int": "int32", "float": "float32", "bool": "bool_", "complex": "complex64"}.get(value.kind or "")
    if isinstance(value, Items) and value.items != ():
        return _array_of(value.any()) if value.items is None or len({_array_of(each) for each in value.items}) == 1 else (
            "float32" if {_array_of(each) for each in value.items} <= {"float32", "int32"} else None)
    if isinstance(value, Shape):
        return "int32"
    if isinstance(value, Array):
        return value.dtype
    return None


def _core(follower: Any, node: ast.Call, name: str, arguments: list, named: dict, first: Value) -> Value:
    module, _, short = name.rpartition(".")
    if module == "random":
        if short not in mlx_api.RANDOM:
            return UNKNOWN
        given = _dtype_given(arguments, named, 99)
        return Array(mlx_api.RANDOM[short] if given is None else given or None)
    if module == "fft":
        real = short in mlx_api.FFT_REAL or short in ("fftfreq", "rfftfreq", "istft")
        return Array("float32" if real else "complex64") if short not in ("fftshift", "ifftshift") else _same(first)
    if module == "linalg":
        return Items(None, Array()) if short in mlx_api.LINALG_TUPLES else Array()
    if module == "fast":
        return Array(first.dtype if isinstance(first, Array) else None)
    if module:
        return UNKNOWN
    if short == "array":
        return _make_array(node, arguments, named, first)
    if short in mlx_api.NOT_ARRAYS:
        return Transformed("same", first) if short == "compile" else UNKNOWN
    if short in mlx_api.LISTS:
        return Items(None, Array(first.dtype if isinstance(first, Array) else None))
    return _operation(short, arguments, named, first)


def _make_array(node: ast.Call, arguments: list, named: dict, first: Value) -> Value:
    given = _dtype_given(arguments, named, 1)
    dtype = _array_of(first) if given is None else given or None
    if isinstance(first, Host):
        dtype = {"float64": "float32", "bool": "bool_"}.get(first.dtype or "", first.dtype) if given is None else given or None
    is_scalar = isinstance(first, Number)
    return Array(dtype, is_host=not isinstance(first, Array), constant=first.constant if is_scalar else None, is_scalar=is_scalar, ndim=0 if is_scalar else None,
                 dim_of=node if is_scalar and first.is_dim else None,
                 count=len(first.items) if isinstance(first, Items) and first.items is not None else None)


def _operation(name: str, arguments: list, named: dict, first: Value) -> Value:
    dtypes = [value.dtype for _, value in arguments if isinstance(value, Array)]
    if name in mlx_api.CREATORS or name in ("full", "arange"):
        given = _dtype_given(arguments, named, {"zeros": 1, "ones": 1, "full": 2}.get(name, 99))
        if given is not None:
            return Array(given or None)
        if name == "full":
            return Array(_array_of(arguments[1][1]) if len(arguments) > 1 else None)
        if name == "arange":
            kinds = {value.kind for _, value in arguments if isinstance(value, Number)}
            return Array("int32" if kinds == {"int"} else "float32" if "float" in kinds else None, is_range=True)
        return Array(mlx_api.CREATORS[name])
    if name in mlx_api.TO_BOOL:
        return Array("bool_")
    if name in mlx_api.TO_INDEX:
        return Array("uint32")
    if name in mlx_api.BINARY:
        return _binary_function(mlx_api.BINARY[name], arguments)
    if name == "where":
        return _binary_function("max", arguments[1:])
    if name in ("astype", "view"):
        return Array(_dtype_given(arguments, named, 1) or None)
    if name in mlx_api.SUMS:
        return Array(_summed(dtypes[0]) if dtypes else None)
    if name in mlx_api.AT_LEAST_FLOAT:
        return Array(_at_least_float(dtypes[0]) if dtypes else None)
    if name == "abs" and dtypes == ["complex64"]:
        return Array("float32")
    if name in mlx_api.SAME_TYPE:
        return _same(first)
    if name in ("real", "imag"):
        return Array("float32" if dtypes == ["complex64"] else dtypes[0] if dtypes else None)
    if name in ("concatenate", "concat", "stack") and isinstance(first, Items):
        every = first.any()
        return Array(every.dtype if isinstance(every, Array) else None)
    return Array()


def _same(first: Value) -> Array:
    return Array(first.dtype, spectrum=first.spectrum, is_range=first.is_range) if isinstance(first, Array) else Array()


def _summed(dtype: str | None) -> str | None:
    return {"bool_": "int32", "int8": "int32", "int16": "int32", "uint8": "uint32", "uint16": "uint32"}.get(dtype or "", dtype)


def _at_least_float(dtype: str | None) -> str | None:
    return "float32" if dtype in (*mlx_api.INTEGERS, "bool_") else dtype


def _binary_function(name: str, arguments: list) -> Value:
    from .expressions import _operated

    if len(arguments) < 2:
        return Array()
    left, right = arguments[0][1], arguments[1][1]
    result = _operated(name, left, right)
    return result if isinstance(result, Array) else Array()


def _nn(short: str, name: str, first: Value) -> Value:
    if name.startswith("mlx.nn.layers.") and short in mlx_api.LAYERS:
        return Layer(short)
    if short in ("RNN", "GRU", "LSTM"):
        return Layer(short)
    if name.startswith("mlx.nn.losses."):
        return Array()
    if short in mlx_api.NN_FUNCTIONS and name == f"mlx.nn.{short}":
        return Array(_at_least_float(first.dtype) if isinstance(first, Array) else None)
    return UNKNOWN


def _method_of_array(node: ast.Call, owner: Array, name: str, arguments: list, named: dict) -> Value:
    if name == "item":
        kind = "float" if owner.dtype in mlx_api.FLOATS else "int" if owner.dtype in mlx_api.INTEGERS else "bool" if owner.dtype == "bool_" else None
        return Number(kind, pulled=node)
    if name == "tolist":
        return Host("list", pulled=node)
    if name in ("astype", "view"):
        return Array(_dtype_given(arguments, named, 0) or None, constant=owner.constant, is_scalar=owner.is_scalar)
    if name == "split":
        return Items(None, Array(owner.dtype))
    if name in mlx_api.ARRAY_METHODS:
        return _operation(name, [(node, owner), *arguments], named, owner)
    return UNKNOWN
