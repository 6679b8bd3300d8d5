"""Where the lazy graph ends: arrays that become Python values, mx.eval in loops, sizes that become arrays.

A program has to leave the graph somewhere: what is printed, logged, written or asserted is not reported, nor what has just been
evaluated with mx.eval, nor what a function that promises a number returns. Reported is what nobody asked for.
"""

from __future__ import annotations

import ast
from typing import Any

from ..frames import FORWARDS, FunctionInfo, children, own_nodes
from ..values import Api, Array, Host, Items, Method, Number, Value

WRITERS = {"__repr__", "__str__", "__format__", "_extra_repr", "__len__", "__bool__", "__float__", "__int__", "__index__"}
CLOCKS = {"time", "perf_counter", "perf_counter_ns", "monotonic", "process_time", "timeit", "default_timer"}
MOST_OPERATIONS = 12
NEVER_HOT = {"__init__", "setup", "main"}


class GraphBreaks:
    def __init__(self, report: Any) -> None:
        self.report = report
        self._shown: dict[ast.AST, set[str]] = {}
        self._hosts: set[ast.AST] = set()

    # What happens.

    def call(self, follower: Any, scope: Any, node: ast.Call, function: Value, arguments: list, named: dict, result: Value) -> None:
        first = arguments[0][1] if arguments else None
        if isinstance(function, Api):
            module, _, short = function.name.rpartition(".")
            if module == "builtins" and short in ("float", "int", "bool", "complex") and isinstance(first, Array):
                self._pulled(follower, scope, node, first, f"`{short}()` of an MLX array", _instead_of_number(short))
            elif module == "builtins" and short in ("min", "max", "sorted", "any", "all") and _has_array(short, arguments):
                self._pulled(follower, scope, node, _array_in(arguments), f"Python's `{short}()` compares MLX arrays one by one: each comparison",
                             f"`mx.{_ours(short)}` stays in the graph")
            elif module == "math" and any(isinstance(value, Array) for _, value in arguments):
                self._pulled(follower, scope, node, _array_in(arguments), f"`math.{short}()` of an MLX array", f"`mx.{short}` stays in the graph")
            elif function.name in ("mlx.core.eval",):
                self._evaluated(follower, scope, node, arguments)
            elif function.name == "mlx.core.array":
                self._back_again(follower, scope, node, first, result)
        if isinstance(result, Host) and result.pulled is node and isinstance(function, Api):
            self._bulk(follower, scope, node, first, f"`{_short(node)}()` of an MLX array")

    def method(self, follower: Any, scope: Any, node: ast.Call, owner: Value, name: str, arguments: list, named: dict) -> None:
        if not isinstance(owner, Array):
            return
        if name == "item":
            self._pulled(follower, scope, node, owner, "`.item()`", "keep the array, and take numbers where they are shown")
        elif name == "tolist":
            self._bulk(follower, scope, node, owner, "`.tolist()`")

    def truth(self, follower: Any, scope: Any, node: ast.AST, value: Array) -> None:
        if value.is_evaluated or follower.outputs or self._is_test(follower, scope):
            return
        text = _code(node)
        self.report(follower, "GRAPH-BREAK-001", node,
                    f"whether `{text}` is true is asked of an MLX array: Python waits for everything that it depends on",
                    "`mx.where(condition, a, b)` chooses without waiting; if the program must branch, `mx.eval` the condition first, "
                    "so that the wait is seen" + self._where(scope))

    def operation(self, follower: Any, scope: Any, node: ast.AST, name: str, left: Value, right: Value, left_node: ast.AST, right_node: ast.AST,
                  result: Value) -> None:
        if isinstance(right, Array) and (isinstance(left, Host) and left.kind == "numpy" or isinstance(left, Number) and left.is_numpy):
            self.report(follower, "GRAPH-BREAK-001", node,
                        "NumPy stands left of an MLX array, so NumPy computes: the array is copied out of the graph and the result is a NumPy array",
                        f"`mx.array({_code(left_node)})`, or a Python number, or write the MLX array first")

    # What to make of it.

    def _pulled(self, follower: Any, scope: Any, node: ast.AST, value: Value | None, what: str, remedy: str) -> None:
        if not isinstance(value, Array) or value.is_evaluated or value.is_host or follower.outputs or self._is_test(follower, scope):
            return
        function = scope.function
        if not self._must_stay(function):
            if self._is_returned(follower, scope, node) or self._is_only_shown(follower, scope, node):
                return
        self.report(follower, "GRAPH-BREAK-001", node,
                    f"{what} makes Python wait until the array is computed, and the graph ends there", remedy + self._where(scope))

    def _bulk(self, follower: Any, scope: Any, node: ast.AST, value: Value | None, what: str) -> None:
        """Whole arrays: only in code that runs often; elsewhere it is how results leave."""
        if not isinstance(value, Array) or value.is_evaluated or value.is_host or follower.outputs or self._is_test(follower, scope):
            return
        function = scope.function
        if not (self._must_stay(function) or _real_loops(scope)):
            return
        if not self._must_stay(function) and self._is_returned(follower, scope, node):
            return
        self.report(follower, "GRAPH-BREAK-001", node, f"{what} copies the whole array to Python, after waiting for it, in code that runs often",
                    "stay with mx functions, or take it out once behind the loop" + self._where(scope))

    def _back_again(self, follower: Any, scope: Any, node: ast.Call, first: Value | None, result: Value) -> None:
        origin = first.pulled if isinstance(first, (Host, Number)) else None
        if isinstance(first, Items) and first.items is not None:
            origin = next((each.pulled for each in first.items if isinstance(each, Number) and each.pulled is not None), None)
        if origin is not None and not self._is_test(follower, scope):
            line = getattr(origin, "lineno", node.lineno)
            self.report(follower, "GRAPH-BREAK-001", node,
                        f"this array is made of a value that left MLX on line {line}: it was waited for, and the new array knows nothing of its graph "
                        "(no gradient goes through)", "use the array itself; `mx.stop_gradient` if the gradient is to end")
        if isinstance(result, Array) and result.dim_of is node:
            self._size(follower, scope, node, result.dtype or "int32")

    def _size(self, follower: Any, scope: Any, node: ast.Call, result_dtype: str) -> None:
        function = scope.function
        if function is None or not (_real_loops(scope) or self._must_stay(function)):
            return
        if self._is_test(follower, scope) or function.name in NEVER_HOT:
            return
        argument = _code(node.args[0]) if node.args else "n"
        edits = ()
        if len(node.args) == 1 and not node.keywords:
            edits = self._plain_number(follower, scope, node)
        self.report(follower, "SHAPE-ARRAY-001", node,
                    f"`{argument}` is a Python number already; mx.array makes a new buffer of it each time, and its type "
                    f"({result_dtype}) doesn't give way to the other side's", f"write `{argument}` as it is: MLX takes Python numbers in expressions", edits)

    def _plain_number(self, follower: Any, scope: Any, node: ast.Call) -> tuple:
        from ..findings import Edit

        parent = follower.parents.get(node) if follower.parents is not None else None
        if not isinstance(parent, ast.BinOp):
            return ()
        other = follower.quietly(parent.right if parent.left is node else parent.left, scope)
        if not (isinstance(other, Array) and other.dtype in ("float32", "float16", "bfloat16")):
            return ()
        start, end = follower.source.node_span(node)
        return (Edit(start, end, ast.get_source_segment(follower.source.text, node.args[0]) or ast.unparse(node.args[0]), True),)

    def _evaluated(self, follower: Any, scope: Any, node: ast.Call, arguments: list) -> None:
        loops = _real_loops(scope)
        if not loops or self._is_test(follower, scope):
            return
        loop = loops[-1]
        if not (isinstance(loop, ast.For) and arguments and _is_range(loop.iter)) or not self._is_small(follower, scope, loop):
            return
        for argument, value in arguments:
            every = value.any() if isinstance(value, Items) else value
            if not isinstance(every, Array):
                return  # parameters, states: one evaluation for each step of a training is right
        if _has_reason(loop) or (scope.function is not None and _has_clock(scope.function.node)):
            return
        if not _is_carried(loop, [argument for argument, _ in arguments]):
            return
        self.report(follower, "EVAL-LOOP-001", node,
                    "mx.eval in each turn of this loop: Python waits for the GPU, and the GPU then waits for Python to build the next turn",
                    "evaluate once behind the loop; if the graph grows too large, every few turns, or mx.async_eval")

    def _is_small(self, follower: Any, scope: Any, loop: ast.For) -> bool:
        """A turn of a few operations of MLX. One that runs a model, or takes a piece of the data, is right to evaluate."""
        count = 0
        for each in own_nodes(loop):
            if isinstance(each, ast.BinOp):
                count += 1
            if isinstance(each, ast.Call):
                function = follower.quietly(each.func, scope)
                if not (isinstance(function, Api) and function.name.startswith("mlx.core.") or
                        isinstance(function, Method) and isinstance(function.owner, Array)):
                    return False
                count += 1
        return count <= MOST_OPERATIONS

    # Places.

    def _must_stay(self, function: FunctionInfo | None) -> bool:
        """Code that runs within the graph: of a layer, compiled, differentiated."""
        while function is not None:
            if function.is_compiled or function.is_differentiated:
                return True
            if function.owner is not None and function.owner.is_nn and function.name in FORWARDS:
                return True
            function = function.scope.function if function.scope is not None else None
        return False

    def _where(self, scope: Any) -> str:
        function = scope.function
        if function is not None and function.is_compiled:
            return ". Here it fails: the function is compiled, and its arrays have no values yet"
        if function is not None and function.is_differentiated:
            return ". The function is differentiated: no gradient comes back through it"
        return ""

    def _is_test(self, follower: Any, scope: Any) -> bool:
        if follower.is_test_file:
            return True
        function = scope.function
        return function is not None and (function.name in WRITERS or function.name.startswith("test_") or
                                         (function.owner is not None and function.owner.is_test))

    def _is_returned(self, follower: Any, scope: Any, node: ast.AST) -> bool:
        statement = follower.statement
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Yield):
            return True
        return isinstance(statement, ast.Return) and not _real_loops(scope)

    def _is_only_shown(self, follower: Any, scope: Any, node: ast.AST) -> bool:
        """`n = x.item()` where n is then only printed."""
        statement = follower.statement
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1 or not isinstance(statement.targets[0], ast.Name):
            return False
        body = scope.node
        if isinstance(body, (ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)):
            return False
        if body not in self._shown:
            self._shown[body] = _only_shown(body)
        return statement.targets[0].id in self._shown[body]


def _real_loops(scope: Any) -> list[ast.AST]:
    return [each for each in scope.loops if not isinstance(each, (ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp))]


def _only_shown(body: ast.AST) -> set[str]:
    """Names whose every use is within a call that shows it, or in an f-string."""
    from ..calls import OUTPUT_NAMES, _name_of

    used: dict[str, bool] = {}

    def visit(node: ast.AST, is_shown: bool) -> None:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            used[node.id] = used.get(node.id, True) and is_shown
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Call) and _name_of(node.func) in OUTPUT_NAMES):
            is_shown = True
        for child in children(node):
            visit(child, is_shown)

    for statement in getattr(body, "body", []) if not isinstance(body, ast.Lambda) else []:
        visit(statement, isinstance(statement, (ast.Raise, ast.Assert)))
    return {name for name, shown in used.items() if shown}


def _has_clock(node: ast.AST) -> bool:
    return any(isinstance(each, ast.Call) and (getattr(each.func, "attr", None) or getattr(each.func, "id", None)) in CLOCKS for each in own_nodes(node))


def _has_reason(loop: ast.For) -> bool:
    """What in a loop makes an evaluation there right: something that needs the values, or memory that has to be freed."""
    for each in own_nodes(loop):
        if isinstance(each, (ast.Yield, ast.YieldFrom, ast.Break)):
            return True
        if isinstance(each, ast.If) and any(isinstance(part, ast.BinOp) and isinstance(part.op, ast.Mod) for part in ast.walk(each.test)):
            return True
        if isinstance(each, ast.Delete):
            return True
        if isinstance(each, ast.Call):
            name = getattr(each.func, "attr", None) or getattr(each.func, "id", "")
            if name in CLOCKS | {"item", "tolist", "print", "clear_cache", "save", "savez", "save_safetensors", "write", "synchronize", "update", "load",
                                 "set_postfix", "log", "info", "float", "int", "bool", "array", "asarray", "step", "tic", "toc", "get_peak_memory", "gc",
                                 "collect", "tqdm", "append_to_file", "dump"}:
                return True
    return False


def _is_carried(loop: ast.For, arguments: list[ast.AST]) -> bool:
    """Whether what is evaluated goes from turn to turn: x = f(x)."""
    names = {each.id for argument in arguments for each in ast.walk(argument) if isinstance(each, ast.Name)}
    given = {each.id for each in own_nodes(loop) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    read_first: set[str] = set()
    seen: set[str] = set()
    for statement in loop.body:
        for each in ast.walk(statement):
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load) and each.id not in seen:
                read_first.add(each.id)
        seen |= {each.id for each in ast.walk(statement) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    return bool(names & given & read_first)


def _is_range(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range"


def _has_array(name: str, arguments: list) -> bool:
    values = [value for _, value in arguments]
    if name in ("any", "all", "sorted"):
        return len(values) >= 1 and (isinstance(values[0], Array) or isinstance(values[0], Items) and isinstance(values[0].any(), Array))
    return len(values) > 1 and any(isinstance(value, Array) for value in values) or (
        len(values) == 1 and (isinstance(values[0], Array) or isinstance(values[0], Items) and isinstance(values[0].any(), Array)))


def _array_in(arguments: list) -> Array | None:
    for _, value in arguments:
        if isinstance(value, Array) and not value.is_host:
            return value
        if isinstance(value, Items) and isinstance(value.any(), Array):
            return value.any()
    return None


def _ours(name: str) -> str:
    return {"sorted": "sort", "min": "minimum` or `mx.min", "max": "maximum` or `mx.max"}.get(name, name)


def _instead_of_number(name: str) -> str:
    if name == "bool":
        return "`mx.where` chooses without waiting"
    return f"keep the array; `.astype(mx.{'float32' if name == 'float' else 'int32'})` if the type is what matters"


def _short(node: ast.Call) -> str:
    text = _code(node.func)
    return text if len(text) < 40 else text.rsplit(".", 1)[-1]


def _code(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 60 else text[:57] + "..."

