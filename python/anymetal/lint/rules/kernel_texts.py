"""What the text of a kernel and its definition say together, without a compiler: names, signature, debug buffers, contiguity."""

from __future__ import annotations

import ast
import re
from typing import Any

from .. import body_text
from ..kernels import Definition
from ..values import Api, Array, Textual, Value

DEBUG = re.compile(r"(?:^|_)(?:dbg|debug)(?:_|$|\d)", re.I)
WHOLE_FILES = {"anymetal.Library", "torch.mps.compile_shader", "anymetal.torch.compile_shader"}


class KernelTexts:
    def __init__(self, report: Any) -> None:
        self.report = report

    def call(self, follower: Any, scope: Any, node: ast.Call, function: Value, arguments: list, named: dict, result: Value) -> None:
        if isinstance(function, Api) and function.name in WHOLE_FILES and arguments and isinstance(arguments[0][1], Textual):
            if arguments[0][1].constant is not None and "kernel" in arguments[0][1].constant:
                follower.whole_texts[node] = arguments[0][1]

    def finish(self, follower: Any) -> None:
        for made in list(follower.kernels.values()):
            if made.source is None:
                continue
            if not self._signature(follower, made) and made.body is not None:
                self._names(follower, made)
                self._contiguous(follower, made)
            self._debug(follower, made)

    def _signature(self, follower: Any, made: Definition) -> bool:
        source = made.source
        node = made.nodes.get("source", made.node)
        if source.text is None:
            if source.file is not None and source.file.endswith(".metal"):
                self.report(follower, "KERNEL-SIGNATURE-001", node,
                            f"{source.file} is read into `source`: a .metal file has whole functions, and MLX puts its own signature around this text",
                            "the body alone as `source`, functions as `header`; or run the file with anymetal.Library")
                return True
            return False
        found = body_text.signature(source.text.value)
        if found is None:
            return False
        start, end, what = found
        self.report(follower, "KERNEL-SIGNATURE-001", (source.text, start, end) if source.file is None else node,
                    f"{what} stands in `source`: MLX writes the signature from input_names and output_names, and puts this text inside it",
                    "only the statements of the body; attributes such as thread_position_in_grid are names there; functions go into `header`")
        return True

    def _names(self, follower: Any, made: Definition) -> None:
        source, body = made.source, made.body
        if source.is_varying or not body_text.words(body) or made.input_names is None or made.output_names is None:
            return
        header = made.header.constant if made.header is not None else None
        if header is None:
            return
        macros = header if "#define" in header else ""
        for name in made.input_names:
            if not body_text.uses(body, name) and not body_text.uses(macros, name):
                self.report(follower, "KERNEL-NAMES-001", _name_node(made, "input_names", name),
                            f"the body doesn't use the input `{name}`: each call passes it for nothing",
                            "take it out of input_names and of the calls' inputs")
        known = {*made.input_names, *made.output_names}
        known |= {f"{name}{end}" for name in made.input_names for end in ("_shape", "_strides", "_ndim")}
        templates = self._templates(made)
        for name, at in body_text.undeclared(body, known | (templates or set()), header):
            if templates is None and not name.islower():
                continue  # a template argument, perhaps: they come with calls that aren't seen here
            self.report(follower, "KERNEL-NAMES-001", (source.text, at, at + len(name)),
                        f"the body uses `{name}`, which is neither an input, an output, a template argument nor declared in it",
                        f"add `{name}` to input_names (a 0-d array is a reference), or to `template`")

    def _templates(self, made: Definition) -> set[str] | None:
        if not made.calls:
            return None
        names: set[str] = set()
        for called in made.calls:
            if called.template is None:
                return None
            names |= {name for name, _ in called.template}
        return names

    def _contiguous(self, follower: Any, made: Definition) -> None:
        if made.ensure_row_contiguous is not False or made.input_names is None:
            return
        if re.search(r"\w_strides\b", made.body):
            return  # the author reckons with gaps, and knows which inputs have none
        found = []
        for name, at in body_text.indexed_inputs(made.body, made.input_names):
            number = made.input_names.index(name)
            given = [called.inputs[number] for called in made.calls if called.inputs is not None and number < len(called.inputs)]
            if given and all(isinstance(value, Array) and (value.count is not None or value.ndim == 0) for value in given):
                continue  # made in place, of a few numbers
            nodes = [called.input_nodes[number] for called in made.calls if number < len(called.input_nodes)]
            if nodes and all(isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("contiguous", "ascontiguousarray") for node in nodes):
                continue
            found.append((name, at))
        if found:
            name, at = found[0]
            others = f" (and {', '.join(other for other, _ in found[1:])})" if len(found) > 1 else ""
            self.report(follower, "KERNEL-CONTIGUOUS-001", (made.source.text, at, at + len(name)),
                        f"`{name}`{others} is indexed as if it had no gaps, and ensure_row_contiguous=False lets transposed and sliced arrays in as they are",
                        f"ensure_row_contiguous=True, or `elem_to_loc(i, {name}_shape, {name}_strides, {name}_ndim)`")

    def _debug(self, follower: Any, made: Definition) -> None:
        if any(re.search(r"debug|dbg|environ|getenv|verbose", ast.unparse(test), re.I) for test in made.tests):
            return
        for name in made.output_names or []:
            if DEBUG.search(name):
                self.report(follower, "KERNEL-DEBUG-001", _name_node(made, "output_names", name),
                            f"the output `{name}` is a debug buffer: it is allocated and written in each launch",
                            "take it out, or make the kernel with it only if an environment variable asks for it")




def _name_node(made: Definition, list_name: str, name: str) -> ast.AST:
    node = made.nodes.get(list_name)
    if isinstance(node, (ast.List, ast.Tuple)):
        for each in node.elts:
            if isinstance(each, ast.Constant) and each.value == name:
                return each
    return node or made.node
