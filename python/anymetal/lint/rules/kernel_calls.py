"""How kernels are made and launched: once or again and again, with which grid, threadgroup, inputs and outputs."""

from __future__ import annotations

import ast
import math
import re
from typing import Any

from .. import body_text, sizes
from ..findings import Edit
from ..kernels import Call, Definition
from ..values import Array
from .graph_breaks import NEVER_HOT

MOST_THREADS = 1024
WIDTH = 32


class KernelCalls:
    def __init__(self, report: Any) -> None:
        self.report = report

    def finish(self, follower: Any) -> None:
        for made in list(follower.kernels.values()):
            self._made_anew(follower, made)
            self._never_written(follower, made)
            for called in made.calls:
                self._counts(follower, called)
                self._threadgroup(follower, called)
                if not self._grid(follower, called):
                    self._guard(follower, called)
                    self._filled(follower, called)

    # Made once?

    def _made_anew(self, follower: Any, made: Definition) -> None:
        function = made.function
        if follower.is_test_file or (function is not None and (function.owner is not None and function.owner.is_test or function.name.startswith("test_"))):
            return
        holes = _holes(made)
        if made.is_guarded:
            if function is not None and holes and not made.is_keyed and (names := sorted(holes & {each.arg for each in function.parameters})):
                self.report(follower, "KERNEL-SOURCE-001", made.nodes.get("source", made.node),
                            f"the source depends on `{names[0]}`, but the kernel is made at the first call only: later calls with another "
                            f"`{names[0]}` run the old text", f"pass `{names[0]}` as a buffer or a template argument, or keep one kernel for each value")
            return
        if function is not None and (function.is_cached or function.name in NEVER_HOT):
            return
        here = [called for called in made.calls if called.function is function and (function is not None or any(each in made.loops for each in called.loops))]
        if not here or (function is None and not made.loops):
            return
        self.report(follower, "KERNEL-CREATE-001", made.node.func,
                    "this kernel is made each time " + ("the function is called" if function is not None else "the loop turns")
                    + ": its text is put together and looked up again before every launch",
                    "make it once, at the module's top level or behind functools.cache, and only call it here")
        if holes:
            self.report(follower, "KERNEL-SOURCE-001", made.nodes.get("source", made.node),
                        "the source is put together anew at each call: every text that differs is compiled anew (tens of milliseconds)",
                        "pass what changes as a small buffer, or as a template argument")

    # What goes in and comes out.

    def _never_written(self, follower: Any, made: Definition) -> None:
        if made.body is None or made.source.is_varying or not made.output_names or made.header is None or made.header.constant is None:
            return
        if body_text.signature(made.body) or not body_text.words(made.body):
            return
        for name in made.output_names:
            if not body_text.uses(made.body, name) and not (("#define" in made.header.constant) and body_text.uses(made.header.constant, name)):
                node = made.nodes.get("output_names", made.node)
                self.report(follower, "KERNEL-OUTPUT-001", node, f"nothing in the body writes the output `{name}`: what it holds is undefined",
                            f"write `{name}`, or take it out of output_names")

    def _counts(self, follower: Any, called: Call) -> None:
        made = called.made
        pairs = [("inputs", called.inputs, made.input_names, "input_names"),
                 ("output_shapes", called.output_shapes, made.output_names, "output_names"),
                 ("output_dtypes", called.output_dtypes, made.output_names, "output_names")]
        for what, given, names, list_name in pairs:
            if given is not None and names is not None and len(given) != len(names) and not any(isinstance(each, ast.Starred) for each in given):
                self.report(follower, "KERNEL-OUTPUT-001", called.nodes.get(what, called.node),
                            f"{what} has {_count(len(given))}, {list_name} has {len(names)} ({', '.join(names)}): MLX raises ValueError",
                            f"one entry in {what} for each name")

    # Sizes.

    def _threadgroup(self, follower: Any, called: Call) -> None:
        counts = sizes.constants(called.threadgroup[0]) if called.threadgroup else None
        if counts is None or min(counts) < 1:
            return
        threads = math.prod(counts)
        node = called.nodes.get("threadgroup", called.node)
        text = " x ".join(map(str, counts))
        grid = sizes.constants(called.grid[0]) if called.grid else None
        clamped = [min(one, other) for one, other in zip(counts, grid)] if grid else counts
        if math.prod(clamped) > MOST_THREADS:
            self.report(follower, "KERNEL-THREADGROUP-001", node, f"a threadgroup of {text} = {threads} threads: a GPU takes 1,024 at most, and MLX raises ValueError",
                        "a smaller threadgroup")
        elif threads % WIDTH and threads > 1 and not (grid and all(one >= other for one, other in zip(counts, grid))):
            idle = -threads % WIDTH
            self.report(follower, "KERNEL-THREADGROUP-001", node,
                        f"a threadgroup of {text} = {threads} threads isn't a multiple of 32: in each one, {idle} lane{'s' * (idle > 1)} of a simdgroup stay idle",
                        f"{-(-threads // WIDTH) * WIDTH} threads, or {max(threads // WIDTH, 1) * WIDTH}")

    def _grid(self, follower: Any, called: Call) -> bool:
        """Whether the grid is given in threadgroups."""
        if called.grid is None or called.threadgroup is None:
            return False
        for axis, (size, group) in enumerate(zip(called.grid[0], called.threadgroup[0])):
            if not (isinstance(size, tuple) and size[0] in ("ceil", "//", "/") and size[2] == group and group != 1):
                continue
            if size[0] != "ceil" and not (isinstance(group, int) and group >= 16):
                continue
            body = called.made.body
            if body is not None and re.search(r"\bthreads_per_threadgroup\b|\bthreadgroups_per_grid\b", body) and re.search(r"\bfor\b|\bwhile\b", body):
                continue  # each thread takes several elements: the author counts threadgroups himself
            node = called.grid[1][axis]
            amount = sizes.shown(group)
            value = follower.quietly(node, called.scope)
            refused = " (and the quotient of mx.divide is a float32, which MLX refuses with TypeError)" if isinstance(value, Array) and \
                value.dtype == "float32" else ""
            self.report(follower, "KERNEL-GRID-001", node,
                        f"`grid` is given in threadgroups (a quotient by the threadgroup's {amount}); MLX's grid is in threads, so only every "
                        f"{amount}th of the threads is started and most of the output is never written{refused}",
                        f"the number of threads: `{_short(node)} * {amount}`, or just the number of elements, since MLX allows partial threadgroups",
                        self._times(follower, called, node, axis, amount))
            return True
        return False

    def _times(self, follower: Any, called: Call, node: ast.AST, axis: int, amount: str) -> tuple:
        body = called.made.body
        if body is None or not body_text.is_guarded(body, axis) or not re.fullmatch(r"\w+", amount):
            return ()
        if isinstance(node, ast.BinOp) and not isinstance(node.op, (ast.FloorDiv, ast.Mult)):
            return ()
        start, end = follower.source.node_span(node)
        text = follower.source.text[start:end]
        if isinstance(node, ast.Call) and "divide" in text or any(isinstance(value, Array) for value in [follower.quietly(node, called.scope)]):
            return ()
        return (Edit(start, end, f"{text} * {amount}", True),)

    def _guard(self, follower: Any, called: Call) -> None:
        body = called.made.body
        if called.grid is None or body is None or "#define" in (called.made.header.constant or "" if called.made.header else ""):
            return
        for axis, size in enumerate(called.grid[0]):
            count = sizes.is_rounded_up(size)
            if count is None or not body_text.looks_at_position(body, axis) or body_text.is_guarded(body, axis):
                continue
            letter = "xyz"[axis]
            self.report(follower, "KERNEL-GUARD-001", called.grid[1][axis],
                        f"the grid is rounded up from {sizes.shown(count)}, and the body never compares thread_position_in_grid.{letter} with anything: "
                        "the threads behind the end read and write outside the arrays",
                        f"`if (thread_position_in_grid.{letter} >= n) return;` in the body, or grid={sizes.shown(count)} as it is: MLX allows partial threadgroups")
            return

    def _filled(self, follower: Any, called: Call) -> None:
        """One thread writes one element, and there are fewer threads than elements."""
        body, grid = called.made.body, sizes.constants(called.grid[0]) if called.grid else None
        if body is None or grid is None or called.output_shapes is None or called.made.output_names is None or called.made.source.is_varying:
            return
        if re.search(r"\b(for|while|do)\b", body) or "init_value" in called.nodes:
            return
        for name, node in zip(called.made.output_names, called.output_shapes):
            shape = sizes.resolved(node, called.scope)
            if not isinstance(shape, (ast.Tuple, ast.List)):
                continue
            terms = sizes.constants([sizes.term(follower, each, called.scope) for each in shape.elts])
            writes = re.findall(rf"\b{re.escape(name)}\s*\[[^\]]*\]\s*=(?!=)", body)
            if terms is None or len(writes) != 1 or not terms:
                continue
            if math.prod(terms) > math.prod(grid):
                self.report(follower, "KERNEL-OUTPUT-001", called.nodes.get("grid", called.node),
                            f"{_threads(math.prod(grid))} one element each, and `{name}` has {math.prod(terms)}: the others are undefined",
                            f"a grid of {math.prod(terms)} threads, or init_value=0")


def _holes(made: Definition) -> set[str]:
    """Names in the f-strings, formats and sums that make the source."""
    if made.source is None or not made.source.is_varying:
        return set()
    node = sizes.resolved(made.nodes.get("source"), made.scope)
    if node is None:
        return set()
    is_made = any(isinstance(each, (ast.JoinedStr, ast.BinOp)) or (isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and
                                                                    each.func.attr in ("format", "replace")) for each in ast.walk(node))
    if not is_made:
        return set()
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _count(n: int) -> str:
    return f"{n} entr{'y' if n == 1 else 'ies'}"


def _threads(n: int) -> str:
    return "1 thread writes" if n == 1 else f"{n} threads write"


def _short(node: ast.AST) -> str:
    text = ast.unparse(node)
    return text if len(text) < 40 else "..."


