"""Follows names through one module: what is an MLX array, a Python number, a kernel; rules listen to what happens.

What comes in: the tree of a file. What goes out: calls of the listeners' methods (`call`, `operation`, `truth`, `store_item`, ...), each
with the node and the values that take part. Every body is followed statement by statement, in order, with one environment:
branches are followed apart and joined, loops twice, the first time in silence, since what a turn leaves is what the next one finds.
Functions are followed after the module's own statements, twice over the whole: the first time in silence, to learn what they return,
what calls give to their parameters and what methods put into `self`.

Nothing is run and nothing is imported. What isn't known is UNKNOWN, and stays it.
"""

from __future__ import annotations

import ast
import builtins
from pathlib import Path
from typing import Any

from .calls import Calls
from .frames import ClassInfo, FunctionInfo, Scope, children, of_annotation, shown_arrays, walk
from .source import SourceFile
from .values import (NONE, UNKNOWN, Api, Array, Class, Function, Host, Instance, Items, Layer, Mapping, Module, Textual,
                     Value, join)

# Pieces of code, as guides show them, leave the imports out.
CUSTOMARY = {"mx": "mlx.core", "nn": "mlx.nn", "np": "numpy"}
MOST_FOLLOWED = 60  # functions within functions that wait for each other's results


class Follower(Calls):
    def __init__(self, source: SourceFile, tree: ast.Module, listeners: list[Any]) -> None:
        self.source = source
        self.tree = tree
        self.listeners = listeners
        self.silent = 0
        self.outputs = 0  # within print(...) and its like
        self.on_cpu = 0  # within `with mx.stream(mx.cpu)`
        self.depth = 0
        self.functions: dict[ast.AST, FunctionInfo] = {}
        self.classes: dict[ast.AST, ClassInfo] = {}
        self.order: list[FunctionInfo] = []
        self.ordered: set[ast.AST] = set()
        self.customary: set[str] = set()
        self.shown: set[str] = set()
        self.aliases: set[str] = set()  # what mlx.core is called here
        self.uses_cpu = False
        self.texts: dict[int, Any] = {}
        self.kernels: dict[ast.AST, Any] = {}
        self.whole_texts: dict[ast.AST, Textual] = {}  # whole Metal files in strings
        self.is_test_file = _is_test(source.path)
        self.statement: ast.AST = tree
        self._parents: dict[ast.AST, ast.AST] | None = None
        self._hooks: dict[str, list[Any]] = {}
        for name in ("call", "operation", "truth", "store_item", "store_attribute", "attribute", "kernel_called", "kernel_made", "compare", "method"):
            self._hooks[name] = [getattr(each, name) for each in listeners if hasattr(each, name)]

    def tell(self, event: str, *arguments: Any) -> None:
        if not self.silent:
            for hook in self._hooks[event]:
                hook(self, *arguments)

    @property
    def parents(self) -> dict[ast.AST, ast.AST]:
        if self._parents is None:
            self._parents = {child: node for node in walk(self.tree) for child in children(node)}
        return self._parents

    # The module as a whole.

    def run(self) -> None:
        self._find_aliases()
        for is_last in (False, True):
            self.silent = 0 if is_last else 1
            self.order.clear()
            self.ordered.clear()
            self.kernels.clear()
            for info in self.functions.values():
                info.result = None
            scope = self._module_scope()
            self.body(self.tree.body, scope)
            done = 0
            while done < len(self.order):  # bodies add the functions inside them
                self.follow_function(self.order[done])
                done += 1

    def _module_scope(self) -> Scope:
        scope = Scope(None, self.tree)
        scope.env["__name__"] = Textual()
        for name in self.customary:
            scope.env[name] = Module(CUSTOMARY[name])
        for name in self.shown:
            scope.env[name] = Array()
        return scope

    def _find_aliases(self) -> None:
        """What mlx.core is called; and, of a piece of code that leaves its beginning out, what its names must be."""
        loaded: set[str] = set()
        bound: set[str] = set()
        for node in walk(self.tree):
            kind = node.__class__
            if kind is ast.Name:
                (loaded if isinstance(node.ctx, ast.Load) else bound).add(node.id)
            elif kind is ast.arg:
                bound.add(node.arg)
            elif kind is ast.Import:
                self.aliases |= {name.asname for name in node.names if name.name == "mlx.core" and name.asname}
                bound |= {name.asname or name.name.split(".")[0] for name in node.names}
            elif kind is ast.ImportFrom:
                bound |= {name.asname or name.name for name in node.names}
                if node.module == "mlx":
                    self.aliases |= {name.asname or name.name for name in node.names if name.name == "core"}
            elif kind in (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef):
                bound.add(node.name)
        # Who names the CPU's device may run any function of the module there.
        self.uses_cpu = "mx.cpu" in self.source.text or "core.cpu" in self.source.text
        if "*" not in bound:
            self.customary = set(CUSTOMARY) & (loaded - bound)
            self.aliases |= {"mx"} & self.customary
        free = loaded - bound - set(dir(builtins))
        self.shown = shown_arrays(self.tree, self.aliases) & free if self.aliases and free - self.customary else set()

    # Functions and classes.

    def follow_function(self, info: FunctionInfo) -> None:
        scope = Scope(info.scope, info.node, info)
        self._bind_parameters(info, scope)
        if isinstance(info.node, ast.Lambda):
            self.evaluate(info.node.body, scope)
            return
        info.is_running = True
        self.body(info.node.body, scope)
        info.is_running = False

    def result_of(self, info: FunctionInfo) -> Value:
        """What a call gives: its annotation, or what its returns give."""
        if info.result is not None:
            return info.result
        promised = of_annotation(getattr(info.node, "returns", None), lambda node: self._of_type(node, info.scope))
        if promised is not None and promised is not NONE and not _is_vague(promised):
            info.result = promised
            return promised
        if info.is_running or self.depth > MOST_FOLLOWED:
            return UNKNOWN
        info.is_running = True
        self.silent += 1
        self.depth += 1
        statement = self.statement
        scope = Scope(info.scope, info.node, info)
        self._bind_parameters(info, scope)
        if isinstance(info.node, ast.Lambda):
            result = self.evaluate(info.node.body, scope)
        else:
            self.body(info.node.body, scope)
            results = scope.returns
            if scope.yields:
                result = Items(None, _all(scope.yields))
            else:
                result = _all(results) if results else NONE
        self.statement = statement
        self.depth -= 1
        self.silent -= 1
        info.is_running = False
        info.result = result
        return result

    def _of_type(self, node: ast.AST, scope: Scope) -> Value | None:
        """An instance of the type that an annotation names."""
        kind = self.quietly(node, scope)
        if isinstance(kind, Api) and kind.name == "mlx.core.array":
            return Array()
        if isinstance(kind, Api) and kind.name in ("numpy.ndarray",):
            return Host()
        if isinstance(kind, Class):
            return Instance(kind.node, kind.info)
        return None

    def quietly(self, node: ast.AST, scope: Scope) -> Value:
        self.silent += 1
        try:
            return self.evaluate(node, scope)
        finally:
            self.silent -= 1

    def _bind_parameters(self, info: FunctionInfo, scope: Scope) -> None:
        arguments = info.node.args
        parameters = info.parameters
        defaults = dict(zip([each.arg for each in parameters][len(parameters) - len(arguments.defaults):], arguments.defaults))
        defaults |= {each.arg: value for each, value in zip(arguments.kwonlyargs, arguments.kw_defaults) if value is not None}
        shown = info.evidence(self.aliases)
        for number, each in enumerate([*parameters, *arguments.kwonlyargs]):
            if number == 0 and info.owner is not None and not info.is_static:
                scope.env[each.arg] = Instance(info.owner.node, info.owner)
                continue
            scope.env[each.arg] = self._parameter(info, each, defaults.get(each.arg), each.arg in shown)
        for each in (arguments.vararg, arguments.kwarg):
            if each is not None:
                scope.env[each.arg] = UNKNOWN

    def _parameter(self, info: FunctionInfo, argument: ast.arg, default: ast.AST | None, is_shown: bool) -> Value:
        promised = of_annotation(argument.annotation, lambda node: self._of_type(node, info.scope))
        if promised is not None and promised is not NONE:
            return promised
        if argument.annotation is None:
            if is_shown:
                return Array()
            given = info.given.get(argument.arg)
            if given is not None and given is not NONE:
                return given
        return UNKNOWN

    def define_function(self, node: ast.AST, scope: Scope) -> Function:
        info = self.functions.get(node)
        if info is None:
            info = self.functions[node] = FunctionInfo(node, scope, scope.owner)
        info.scope = scope
        if node not in self.ordered:
            self.ordered.add(node)
            self.order.append(info)
        return Function(node, info)

    def _decorate(self, value: Value, node: ast.AST, scope: Scope) -> Value:
        for decorator in reversed(node.decorator_list):
            found = self.evaluate(decorator, scope)
            value = self.apply_decorator(value, found, decorator, scope)
        return value

    def define_class(self, node: ast.ClassDef, scope: Scope) -> Value:
        info = self.classes.get(node)
        if info is None:
            info = self.classes[node] = ClassInfo(node, scope)
        info.bases = []
        for base in node.bases:
            value = self.evaluate(base, scope)
            if isinstance(value, Class):
                info.bases.append(value.info)
                info.is_nn |= value.info.is_nn
                info.is_test |= value.info.is_test
            elif isinstance(value, Api):
                info.is_nn |= value.name.startswith("mlx.nn") and value.name.endswith("Module")
                info.is_test |= value.name.endswith("TestCase")
            elif isinstance(value, Layer):
                info.is_nn = True
        inside = Scope(scope, node, scope.function, info)
        self.body(node.body, inside)
        for name, value in inside.env.items():
            if isinstance(value, Function):
                info.methods[name] = value
            elif value is not UNKNOWN:
                info.attributes.setdefault(name, value)
        for each in node.decorator_list:
            self.evaluate(each, scope)
        return Class(node, info)

    # Statements. Each says whether what stands behind it can't be reached.

    def body(self, statements: list[ast.stmt], scope: Scope) -> bool:
        for statement in statements:
            self.statement = statement
            if self._STATEMENTS.get(type(statement), Follower._other)(self, statement, scope):
                return True
        return False

    def _other(self, node: ast.stmt, scope: Scope) -> bool:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.evaluate(child, scope)
        return False

    def _function(self, node: Any, scope: Scope) -> bool:
        for default in [*node.args.defaults, *[each for each in node.args.kw_defaults if each is not None]]:
            self.evaluate(default, scope)
        value: Value = self.define_function(node, scope)
        self.assign_name(node.name, self._decorate(value, node, scope), scope)
        return False

    def _class(self, node: ast.ClassDef, scope: Scope) -> bool:
        self.assign_name(node.name, self.define_class(node, scope), scope)
        return False

    def _import(self, node: ast.Import, scope: Scope) -> bool:
        for name in node.names:
            if name.asname:
                self.assign_name(name.asname, Module(name.name), scope)
            else:
                self.assign_name(name.name.split(".")[0], Module(name.name.split(".")[0]), scope)
        return False

    def _import_from(self, node: ast.ImportFrom, scope: Scope) -> bool:
        for name in node.names:
            if name.name == "*":
                continue
            owner = "." * node.level + (node.module or "")
            self.assign_name(name.asname or name.name, self.member_of_module(owner, name.name), scope)
        return False

    def _return(self, node: ast.Return, scope: Scope) -> bool:
        scope.returns.append(NONE if node.value is None else self.evaluate(node.value, scope))
        return True

    def _raise(self, node: ast.Raise, scope: Scope) -> bool:
        self.outputs += 1
        self._other(node, scope)
        self.outputs -= 1
        return True

    def _assert(self, node: ast.Assert, scope: Scope) -> bool:
        self.outputs += 1
        self.evaluate(node.test, scope)
        self.outputs -= 1
        scope.env.update(self.narrowed(node.test, True, scope))
        return False

    def _leave(self, node: ast.stmt, scope: Scope) -> bool:
        return True

    def _assign(self, node: ast.Assign, scope: Scope) -> bool:
        value = self.evaluate(node.value, scope)
        for target in node.targets:
            self.assign(target, value, node.value, scope)
        return False

    def _annotated(self, node: ast.AnnAssign, scope: Scope) -> bool:
        promised = of_annotation(node.annotation, lambda each: self._of_type(each, scope))
        if node.value is not None:
            value = self.evaluate(node.value, scope)
            self.assign(node.target, promised if promised and value is UNKNOWN else value, node.value, scope)
        elif promised is not None:
            self.assign(node.target, promised, None, scope)
        return False

    def _augmented(self, node: ast.AugAssign, scope: Scope) -> bool:
        left = self.evaluate(_loaded(node.target), scope)
        right = self.evaluate(node.value, scope)
        value = self.operate(node, node.op, left, right, node.target, node.value, scope)
        if isinstance(node.target, ast.Subscript):
            owner = self.quietly(node.target.value, scope)
            if isinstance(owner, Array):
                self.tell("store_item", scope, node, owner, node.value, right)
            return False
        self.assign(node.target, value, None, scope)
        return False

    def _for(self, node: ast.For, scope: Scope) -> bool:
        turn = self.element(self.evaluate(node.iter, scope), node.iter, scope)

        def once() -> None:
            self.assign(node.target, turn, None, scope)
            self.body(node.body, scope)

        self._loop(node, scope, once)
        self.body(node.orelse, scope)
        return False

    def _while(self, node: ast.While, scope: Scope) -> bool:
        def once() -> None:
            self.truth(node.test, scope)
            self.body(node.body, scope)

        self._loop(node, scope, once)
        self.body(node.orelse, scope)
        return False

    def _loop(self, node: ast.AST, scope: Scope, once: Any) -> None:
        before = dict(scope.env)
        scope.loops.append(node)
        if self.silent < 3:  # loops within loops: not two to the power of their depth
            self.silent += 1
            once()
            self.silent -= 1
            scope.env = joined(before, scope.env)
        once()
        scope.loops.pop()
        scope.env = joined(before, scope.env)

    def _if(self, node: ast.If, scope: Scope) -> bool:
        self.truth(node.test, scope)
        before = dict(scope.env)
        scope.tests.append(node.test)
        scope.env.update(self.narrowed(node.test, True, scope))
        ends = self.body(node.body, scope)
        after = scope.env
        scope.env = before
        scope.env.update(self.narrowed(node.test, False, scope))
        otherwise_ends = self.body(node.orelse, scope)
        scope.tests.pop()
        if ends and otherwise_ends:
            return True
        if not ends:
            scope.env = after if otherwise_ends else joined(after, scope.env)
        return False

    def _with(self, node: ast.With, scope: Scope) -> bool:
        is_cpu = 0
        for item in node.items:
            value = self.evaluate(item.context_expr, scope)
            is_cpu += self.is_cpu_stream(item.context_expr)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, value, None, scope)
        self.on_cpu += is_cpu
        ends = self.body(node.body, scope)
        self.on_cpu -= is_cpu
        return ends

    def _try(self, node: Any, scope: Scope) -> bool:
        before = dict(scope.env)
        ends = self.body(node.body, scope) or self.body(node.orelse, scope)
        after = scope.env
        rest = [] if ends else [after]
        for handler in node.handlers:
            scope.env = joined(before, after)
            if handler.type is not None:
                self.evaluate(handler.type, scope)
            if handler.name:
                scope.env[handler.name] = UNKNOWN
            if not self.body(handler.body, scope):
                rest.append(scope.env)
        scope.env = dict(rest[0]) if rest else after
        for other in rest[1:]:
            scope.env = joined(scope.env, other)
        return self.body(node.finalbody, scope) or not rest

    def _match(self, node: Any, scope: Scope) -> bool:
        self.evaluate(node.subject, scope)
        before, after = dict(scope.env), []
        for case in node.cases:
            scope.env = dict(before)
            for each in ast.walk(case.pattern):
                if name := getattr(each, "name", None):
                    scope.env[name] = UNKNOWN
            if not self.body(case.body, scope):
                after.append(scope.env)
        scope.env = before
        for other in after:
            scope.env = joined(scope.env, other)
        return False

    def _global(self, node: ast.Global, scope: Scope) -> bool:
        scope.globals.update(node.names)
        return False

    def _nonlocal(self, node: ast.Nonlocal, scope: Scope) -> bool:
        scope.nonlocals.update(node.names)
        return False

    def _delete(self, node: ast.Delete, scope: Scope) -> bool:
        for target in node.targets:
            if isinstance(target, ast.Name):
                scope.env.pop(target.id, None)
        return False

    _STATEMENTS: dict[type, Any] = {
        ast.FunctionDef: _function, ast.AsyncFunctionDef: _function, ast.ClassDef: _class, ast.Import: _import, ast.ImportFrom: _import_from,
        ast.Return: _return, ast.Raise: _raise, ast.Assert: _assert, ast.Break: _leave, ast.Continue: _leave, ast.Assign: _assign,
        ast.AnnAssign: _annotated, ast.AugAssign: _augmented, ast.For: _for, ast.AsyncFor: _for, ast.While: _while, ast.If: _if, ast.With: _with,
        ast.AsyncWith: _with, ast.Try: _try, ast.Global: _global, ast.Nonlocal: _nonlocal, ast.Delete: _delete, ast.Match: _match,
    }
    if hasattr(ast, "TryStar"):
        _STATEMENTS[ast.TryStar] = _try

    # Assignments.

    def assign_name(self, name: str, value: Value, scope: Scope) -> None:
        if name in scope.globals:
            module = scope.module
            module.env[name] = join(module.env.get(name, NONE), value)
        elif name in scope.nonlocals:
            outer = scope.parent
            while outer is not None and name not in outer.env:
                outer = outer.parent
            if outer is not None:
                outer.env[name] = join(outer.env[name], value)
        scope.env[name] = value

    def assign(self, target: ast.AST, value: Value, node: ast.AST | None, scope: Scope) -> None:
        if isinstance(target, ast.Name):
            self.assign_name(target.id, value, scope)
        elif isinstance(target, (ast.Tuple, ast.List)):
            self._unpack(target, value, node, scope)
        elif isinstance(target, ast.Starred):
            self.assign(target.value, Items(None, value.any() if isinstance(value, Items) else UNKNOWN), None, scope)
        elif isinstance(target, ast.Attribute):
            owner = self.evaluate(target.value, scope)
            self.tell("store_attribute", scope, target, owner, node, value)
            if isinstance(owner, Instance) and owner.info is not None:
                owner.info.add(target.attr, value)
            if (path := dotted(target)) is not None:
                scope.env[path] = value
        elif isinstance(target, ast.Subscript):
            owner = self.evaluate(target.value, scope)
            self.evaluate(target.slice, scope)
            if isinstance(owner, Array):
                self.tell("store_item", scope, target, owner, node, value)
            elif isinstance(owner, Mapping) and isinstance(target.value, ast.Name):
                every = value if owner.every is UNKNOWN and not owner.known else join(owner.every, value)
                scope.env[target.value.id] = Mapping(every)
                home: Scope | None = scope
                while home is not None and home.parent is not None:  # a cache lives in the module
                    home = home.parent
                if home is not None and isinstance(home.env.get(target.value.id), Mapping):
                    home.env[target.value.id] = Mapping(every)

    def _unpack(self, target: Any, value: Value, node: ast.AST | None, scope: Scope) -> None:
        nodes: list[ast.AST | None] = [None] * len(target.elts)
        if isinstance(node, (ast.Tuple, ast.List)) and len(node.elts) == len(target.elts):
            nodes = list(node.elts)
        for number, one in enumerate(target.elts):
            self.assign(one, self.item(value, number), nodes[number], scope)


def _is_test(path: str) -> bool:
    name = Path(path).name
    return name.startswith("test_") or name.endswith("_test.py") or name in ("conftest.py", "mlx_tests.py")


def dotted(node: ast.AST) -> str | None:
    """"self.a.b" of such an attribute."""
    names = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join([node.id, *reversed(names)])


def _loaded(target: Any) -> ast.AST:
    copy = type(target)(**{name: getattr(target, name) for name in target._fields if name != "ctx"}, ctx=ast.Load())
    return ast.copy_location(copy, target)


def joined(a: dict[str, Value], b: dict[str, Value]) -> dict[str, Value]:
    """Of a name that only one branch gives: what that one gives, since the other doesn't use it."""
    result = dict(a)
    for name, value in b.items():
        result[name] = value if name not in result else join(result[name], value)
    return result


def _all(values: list[Value]) -> Value:
    result = values[0]
    for value in values[1:]:
        result = join(result, value)
    return result


def _is_vague(value: Value) -> bool:
    """A promise that says less than the body: tuples of unknowns, plain numbers."""
    return isinstance(value, Items) and (value.every is UNKNOWN if value.items is None else any(each is UNKNOWN for each in value.items))


