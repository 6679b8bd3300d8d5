"""Scales of Fourier transforms: what goes forward, through products, and back, has to be divided by n once.

A spectrum carries the power of n that it was multiplied by, in halves: 0 after a forward transform with norm="backward", -1 with "ortho", -2
with "forward" or after a division by n. Products add the powers; an inverse transform adds its own (-2, -1, 0). The sum has to be -2. A
factor that isn't known makes the sum uncertain: then only a half power is reported, which no factor but a root of n can mend.
"""

from __future__ import annotations

import ast
from typing import Any

from .. import mlx_api, sizes
from ..values import UNKNOWN, Api, Array, Host, Number, Textual, Value

FORWARD = {"backward": 0, "ortho": -1, "forward": -2}
INVERSE = {"backward": -2, "ortho": -1, "forward": 0}
SHOWN = {0: "1", -1: "1/√n", -2: "1/n", -3: "1/(n√n)", -4: "1/n²", 1: "√n", 2: "n"}


class Transforms:
    def __init__(self, report: Any) -> None:
        self.report = report
        self._waiting: dict[ast.AST, tuple] = {}  # findings that a later factor may take back

    def refine_call(self, follower: Any, scope: Any, node: ast.Call, function: Value, arguments: list, named: dict, result: Array) -> Array:
        name = function.name if isinstance(function, Api) else ""
        if name in ("mlx.core.multiply", "mlx.core.divide") and len(arguments) >= 2:
            (left_node, left), (right_node, right) = arguments[:2]
            return self.refine(follower, scope, node, "*" if name.endswith("multiply") else "/", left, right, left_node, right_node, result)
        if not name.startswith("mlx.core.fft."):
            return result
        short = name.rsplit(".", 1)[1]
        norm = _norm(arguments, named)
        if norm is None or not arguments:
            return result
        if short in mlx_api.FORWARD_FFT:
            return result.but(spectrum=("forward", FORWARD[norm], self._size(follower, scope, arguments, named), True, norm))
        if short in mlx_api.INVERSE_FFT:
            return self._inverse(follower, scope, node, short, norm, arguments, named, result)
        return result

    def _inverse(self, follower: Any, scope: Any, node: ast.Call, short: str, norm: str, arguments: list, named: dict, result: Array) -> Array:
        given = arguments[0][1]
        if not isinstance(given, Array) or given.spectrum is None or given.spectrum[0] != "forward":
            return result
        _, power, size, is_sure, forward_norm = given.spectrum
        total = power + INVERSE[norm]
        if not follower.silent and total != -2 and (is_sure or total % 2):
            self._waiting[node] = (follower.source, node, self._message(short, norm, forward_norm, total),
                                   f'norm="{forward_norm}" on both sides' if forward_norm != norm else "one of the transforms, or the product, by n")
        return result.but(spectrum=("back", total, size or self._size(follower, scope, arguments, named), is_sure, node))

    def _message(self, short: str, norm: str, forward_norm: str, total: int) -> str:
        what = SHOWN.get(total, f"n^({total}/2)")
        if forward_norm == "several":
            return f"the spectra of this product and mx.fft.{short} (norm=\"{norm}\") together scale by {what}; a convolution needs 1/n"
        return (f"the forward transform has norm=\"{forward_norm}\", mx.fft.{short} has norm=\"{norm}\": together they scale by {what} in place of 1/n, "
                "so what comes back isn't what went in")

    def refine(self, follower: Any, scope: Any, node: ast.AST, name: str, left: Value, right: Value, left_node: ast.AST, right_node: ast.AST,
               result: Array) -> Array:
        spectra = [each for each in (left, right) if isinstance(each, Array) and each.spectrum is not None]
        if not spectra:
            return result
        if len(spectra) == 2:
            a, b = left.spectrum, right.spectrum
            if name in ("+", "-"):
                return result.but(spectrum=a if a[:2] == b[:2] else None)
            if name != "*" or a[0] != "forward" or b[0] != "forward":
                return result
            return result.but(spectrum=("forward", a[1] + b[1], a[2], a[3] and b[3], a[4] if a[4] == b[4] == "backward" else "several"))
        tag = spectra[0].spectrum
        other, other_node = (right, right_node) if isinstance(left, Array) and left.spectrum is not None else (left, left_node)
        if name in ("+", "-"):
            return result.but(spectrum=tag)
        if name not in ("*", "/"):
            return result
        factor = self._factor(follower, scope, other, other_node, tag[2])
        if factor == "unknown":
            if tag[0] == "back":
                self._waiting.pop(tag[4], None)
                return result
            return result.but(spectrum=(tag[0], tag[1], tag[2], False, tag[4]))
        if factor == "one":
            return result.but(spectrum=tag)
        power = tag[1] + (factor if name == "*" else -factor)
        if tag[0] == "back":
            self._scaled_back(follower, node, tag, power, other_node)
            return result
        return result.but(spectrum=(tag[0], power, tag[2], tag[3], "several" if tag[4] == "several" else tag[4]))

    def _scaled_back(self, follower: Any, node: ast.AST, tag: tuple, power: int, other_node: ast.AST) -> None:
        if self._waiting.pop(tag[4], None) is not None or follower.silent or power == -2 or tag[1] != -2 or not tag[3]:
            return
        self.report(follower, "FFT-NORM-001", node,
                    f"the transforms have divided by n already; with `{ast.unparse(other_node)}` the result is scaled by {SHOWN.get(power, 'n')} once too often",
                    'leave the factor out, or give both transforms norm="forward"/"backward" so that the factor is the only one')

    def _factor(self, follower: Any, scope: Any, value: Value, node: ast.AST, size: Any) -> Any:
        """The power of n of a factor, in halves; "one" of a constant that isn't n; "unknown"."""
        if isinstance(value, (Host,)) or value is UNKNOWN and size is None:
            return "unknown"
        term = sizes.term(follower, node, scope)
        if size is not None:
            if term == size:
                return 2
            if isinstance(term, tuple) and term[0] == "/" and term[1] in (1, 1.0) and term[2] == size:
                return -2
            text = ast.unparse(node)
            if text in (f"math.sqrt({sizes.shown(size)})", f"{sizes.shown(size)} ** 0.5", f"np.sqrt({sizes.shown(size)})"):
                return 1
        if isinstance(value, Number) and isinstance(value.constant, (int, float)) and size is not None and abs(value.constant) <= 4:
            return "one"
        return "unknown"

    def _size(self, follower: Any, scope: Any, arguments: list, named: dict) -> Any:
        node = named["n"][0] if "n" in named else arguments[1][0] if len(arguments) > 1 else None
        if node is not None and not (isinstance(node, ast.Constant) and node.value is None):
            return sizes.term(follower, node, scope)
        if isinstance(arguments[0][0], ast.Name):
            return ("name", f"{arguments[0][0].id}.shape[-1]")
        return None

    def finish(self, follower: Any) -> None:
        for _, node, message, remedy in self._waiting.values():
            self.report(follower, "FFT-NORM-001", node, message, remedy)


def _norm(arguments: list, named: dict) -> str | None:
    value = named["norm"][1] if "norm" in named else arguments[3][1] if len(arguments) > 3 else None
    if value is None:
        return "backward"
    return value.constant if isinstance(value, Textual) and value.constant in FORWARD else None
