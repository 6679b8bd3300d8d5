"""`anymetal spot-test`: whether the patterns that guides advise pay on this machine.

Each pattern is a pair of kernels, or more, that compute the same: one as advised, one as advised against. What comes out is how many times as long
the second one takes, and a verdict. It is written to MLX's API alone, so it says the same things about a Mac.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ._report import Failure, Progress, duration, number, styled, table, write_text

HEADER = "#include <metal_stdlib>\nusing namespace metal;\n"
CLEAR = 1.1  # a ratio beyond this, or below its reciprocal, is more than noise
TURN = 0.02  # seconds that a variant is repeated for in a turn


@dataclass
class Variant:
    """One way to compute something: `run` gives lazy arrays."""

    name: str
    run: Callable[[], list[Any]]
    turns: list[float] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return statistics.median(self.turns)


@dataclass
class Pattern:
    """The first variant is the advised one; the ratio is the slowest of the others over it, or, where all are alike (`is_choice`), over the fastest."""

    name: str
    advice: str
    variants: list[Variant]
    is_choice: bool = False
    tolerance: float = 1e-4  # between the variants' results, relative to the largest; infinite: they differ by intention
    failed: str = ""

    @property
    def ratio(self) -> float:
        times = [each.seconds for each in self.variants]
        return max(times) / min(times) if self.is_choice else max(times[1:]) / times[0]

    @property
    def best(self) -> Variant:
        return min(self.variants, key=lambda each: each.seconds)

    @property
    def verdict(self) -> str:
        if self.failed:
            return "failed"
        if self.is_choice:
            return f"take {self.best.name}" if self.ratio > CLEAR else "any will do"
        if self.ratio > CLEAR:
            return "pays"
        return "costs here" if self.ratio < 1 / CLEAR else "no difference here"


class Kernels:
    """The patterns, made for one size: `scale` divides the work."""

    def __init__(self, scale: int) -> None:
        import mlx.core as mx

        self.mx = mx
        self.scale = scale
        self.count = max(2**20 // scale, 1024)

    def make(self, name: str, body: str, inputs: dict[str, Any], out: Any, grid: tuple[int, ...], threadgroup: tuple[int, ...],
             template: list[tuple[str, Any]] | None = None) -> Callable[[], list[Any]]:
        """A kernel that is made here, once, and called by what is returned. `out` is an array like the output."""
        kernel = self.mx.fast.metal_kernel(name=f"spot_{name}", input_names=list(inputs), output_names=["out"], source=body, header=HEADER)
        values = list(inputs.values())

        def run() -> list[Any]:
            return kernel(inputs=values, output_shapes=[out.shape], output_dtypes=[out.dtype], grid=grid, threadgroup=threadgroup, template=template)
        return run

    def elementwise(self, name: str, body: str, inputs: dict[str, Any], out: Any) -> Callable[[], list[Any]]:
        return self.make(name, "uint i = thread_position_in_grid.x;\n" + body, inputs, out, (out.size, 1, 1), (256, 1, 1))

    def numbers(self, count: int | None = None) -> Any:
        n = count or self.count
        return (self.mx.arange(n) % 997).astype(self.mx.float32) / 997

    def fma(self) -> Pattern:
        x = self.numbers(self.count // 4)
        chains = "float s = x[i], a = s, b = s + 1.0f, c = s + 2.0f, d = s + 3.0f;\nfor (int k = 0; k < 128; ++k) {{ {0} }}\nout[i] = a + b + c + d;"
        joined = chains.format(" ".join(f"{v} = fma({v}, s, 0.25f);" for v in "abcd"))
        apart = "#pragma METAL fp contract(off)\n" + chains.format(" ".join(f"{v} = {v} * s; {v} = {v} + 0.25f;" for v in "abcd"))
        # The pragma has to stand at the start of a block; the whole body is one.
        apart = "{\n" + apart + "\n}"
        return Pattern("fma", "use fma(a, b, c)", [Variant("fma", self.elementwise("fma", joined, {"x": x}, x)),
                                                   Variant("mul, add", self.elementwise("mul_add", apart, {"x": x}, x))], tolerance=1e-3)

    def stack_arrays(self) -> Pattern:
        x = self.numbers(self.count // 4)
        start = (self.mx.arange(x.size) * 7 % 8).astype(self.mx.uint32)
        text = "float t[8];\nfor (uint k = 0; k < 8; ++k) t[k] = x[i] + k;\nfloat sum = 0.0f;\nuint first = start[i];\nfor (uint k = 0; k < 64; ++k) sum += t[{0}] * 0.5f;\nout[i] = sum + first;"
        inputs = {"x": x, "start": start}
        return Pattern("stack arrays", "no dynamically indexed stack arrays",
                       [Variant("fixed index", self.elementwise("fixed_index", text.format("k & 7"), inputs, x)),
                        Variant("dynamic index", self.elementwise("dynamic_index", text.format("(first + k) & 7"), inputs, x))])

    def division(self) -> Pattern:
        columns, rows = 1000, max(self.count // 1000, 1)
        x, w = self.numbers(rows * columns), self.numbers(columns)
        size = self.mx.array([rows, columns], dtype=self.mx.uint32)
        inputs = {"x": x, "w": w, "size": size}
        flat = "uint i = thread_position_in_grid.x;\nuint row = i / size[1];\nuint column = i % size[1];\nout[i] = fma(x[i], w[column], float(row));"
        plane = "uint2 at = thread_position_in_grid.xy;\nuint i = at.y * size[1] + at.x;\nout[i] = fma(x[i], w[at.x], float(at.y));"
        return Pattern("integer division", "a grid of two axes in the place of / and %",
                       [Variant("2-D grid", self.make("grid_2d", plane, inputs, x, (columns, rows, 1), (250, 1, 1))),
                        Variant("/ and %", self.make("division", flat, inputs, x, (rows * columns, 1, 1), (256, 1, 1)))])

    def branches(self) -> Pattern:
        x = self.numbers(self.count // 4)
        text = "float v = x[i];\nif (({0}) != 0) {{ for (int k = 0; k < 64; ++k) v = fma(v, 0.75f, 0.125f); }} else {{ for (int k = 0; k < 64; ++k) v = fabs(v - 0.5f) * 0.75f; }}\nout[i] = v;"
        return Pattern("branches", "let whole simdgroups branch one way",
                       [Variant("by simdgroup", self.elementwise("uniform_branch", text.format("(i >> 5) & 1"), {"x": x}, x)),
                        Variant("by thread", self.elementwise("divergent_branch", text.format("i & 1"), {"x": x}, x))], tolerance=math.inf)

    TILED = """
    uint row = thread_position_in_grid.y, column = thread_position_in_grid.x, x = thread_position_in_threadgroup.x, y = thread_position_in_threadgroup.y;
    uint n = size[0];
    threadgroup float left[TY][TX], right[TX][TX];
    float sum = 0.0f;
    for (uint k = 0; k < n; k += TX) {
      left[y][x] = a[row * n + k + x];
      for (uint r = y; r < TX; r += TY) right[r][x] = b[(k + r) * n + column];
      threadgroup_barrier(mem_flags::mem_threadgroup);
      for (uint j = 0; j < TX; ++j) sum = fma(left[y][j], right[j][x], sum);
      threadgroup_barrier(mem_flags::mem_threadgroup);
    }
    out[row * n + column] = sum;"""

    def matrices(self) -> tuple[int, dict[str, Any], Any]:
        n = 256 if self.scale == 1 else 64
        a = self.numbers(n * n).reshape(n, n)
        return n, {"a": a, "b": a.T + 1, "size": self.mx.array([n], dtype=self.mx.uint32)}, a

    def tiled(self, tx: int, ty: int) -> Callable[[], list[Any]]:
        n, inputs, out = self.matrices()
        return self.make(f"tiled_{tx}x{ty}", self.TILED, inputs, out, (n, n, 1), (tx, ty, 1), [("TX", tx), ("TY", ty)])

    def reuse(self) -> Pattern:
        n, inputs, out = self.matrices()
        plain = "uint row = thread_position_in_grid.y, column = thread_position_in_grid.x, n = size[0];\nfloat sum = 0.0f;\nfor (uint k = 0; k < n; ++k) sum = fma(a[row * n + k], b[k * n + column], sum);\nout[row * n + column] = sum;"
        return Pattern("threadgroup reuse", "stage tiles in threadgroup memory",
                       [Variant("tiles", self.tiled(16, 16)), Variant("from the device", self.make("untiled", plain, inputs, out, (n, n, 1), (16, 16, 1)))])

    def tiles(self) -> Pattern:
        return Pattern("tile shapes", "try several tile shapes", [Variant(f"{x}x{y}", self.tiled(x, y)) for x, y in ((16, 16), (32, 8), (8, 32), (32, 32))], is_choice=True)

    def half(self) -> Pattern:
        x = self.numbers(4 * self.count)
        body = "out[i] = x[i] * T(0.5) + T(1);"

        def of(dtype: Any) -> Callable[[], list[Any]]:
            values = x.astype(dtype)
            return self.make(f"scale_{'half' if dtype == self.mx.float16 else 'float'}", "uint i = thread_position_in_grid.x;\n" + body, {"x": values}, values,
                             (x.size, 1, 1), (256, 1, 1), [("T", dtype)])
        return Pattern("half", "the smallest type that will do", [Variant("half", of(self.mx.float16)), Variant("float", of(self.mx.float32))], tolerance=2e-3)

    def reductions(self) -> Pattern:
        x = self.numbers()
        out = self.mx.zeros(self.count // 256)
        tree = """
    uint t = thread_position_in_threadgroup.x;
    threadgroup float part[256];
    part[t] = x[thread_position_in_grid.x];
    for (uint half_of = 128; half_of > 0; half_of >>= 1) {
      threadgroup_barrier(mem_flags::mem_threadgroup);
      if (t < half_of) part[t] += part[t + half_of];
    }
    if (t == 0) out[threadgroup_position_in_grid.x] = part[0];"""
        simd = """
    uint t = thread_position_in_threadgroup.x;
    threadgroup float part[8];
    float sum = simd_sum(x[thread_position_in_grid.x]);
    if (t % 32 == 0) part[t / 32] = sum;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (t == 0) { float all = 0.0f; for (uint k = 0; k < 8; ++k) all += part[k]; out[threadgroup_position_in_grid.x] = all; }"""
        grid, group = (self.count // 256 * 256, 1, 1), (256, 1, 1)
        return Pattern("simd reductions", "simd_sum, then one value a simdgroup",
                       [Variant("simd_sum", self.make("simd_sum", simd, {"x": x}, out, grid, group)), Variant("tree with barriers", self.make("tree_sum", tree, {"x": x}, out, grid, group))])

    def compile_once(self) -> Pattern:
        x, fresh = self.numbers(256), itertools.count()

        def call(text: str, name: str) -> list[Any]:
            kernel = self.mx.fast.metal_kernel(name=name, input_names=["x"], output_names=["out"], source=text, header=HEADER)
            return kernel(inputs=[x], output_shapes=[x.shape], output_dtypes=[x.dtype], grid=(256, 1, 1), threadgroup=(256, 1, 1))
        text = "uint i = thread_position_in_grid.x;\nout[i] = x[i] + {0};"
        mark = time.time_ns()  # texts of an earlier run are in the disk's cache
        return Pattern("compile once", "make a kernel once, pass numbers in buffers",
                       [Variant("made once", self.elementwise("kept", "out[i] = x[i] + 0.0f;", {"x": x}, x)),
                        Variant("made for each call", lambda: call(text.format("0.0f"), "spot_again")),
                        Variant("another text for each call", lambda: call(text.format(f"0.0f * {mark % 10**9 + next(fresh)}.0f"), "spot_fresh"))])

    def streams(self) -> Pattern:
        mx, x = self.mx, self.numbers(self.count // 16)
        text = "uint i = thread_position_in_grid.x;\nfloat v = x[i];\nfor (int k = 0; k < 200; ++k) v = fma(v, 0.5f, 0.25f);\nout[i] = v;"
        kernel = mx.fast.metal_kernel(name="spot_streams", input_names=["x"], output_names=["out"], source=text, header=HEADER)
        two = [mx.new_stream(mx.default_device()) for _ in range(2)]

        def on(streams: list[Any]) -> list[Any]:
            return [kernel(inputs=[x], output_shapes=[x.shape], output_dtypes=[x.dtype], grid=(x.size, 1, 1), threadgroup=(256, 1, 1), stream=streams[at % len(streams)])[0]
                    for at in range(4)]
        return Pattern("streams", "independent work on several streams", [Variant("two streams", lambda: on(two)), Variant("one stream", lambda: on(two[:1]))])


PATTERNS = ["fma", "stack_arrays", "division", "branches", "reuse", "tiles", "half", "reductions", "compile_once", "streams"]


def compare(pattern: Pattern, mx: Any) -> None:
    """All variants, run once: they compute the same."""
    results = [each.run() for each in pattern.variants]
    mx.eval(results)
    first = results[0][0].astype(mx.float32)
    for variant, result in zip(pattern.variants[1:], results[1:]):
        difference = float(mx.max(mx.abs(result[0].astype(mx.float32) - first)))
        if not difference <= pattern.tolerance * max(float(mx.max(mx.abs(first))), 1.0):
            raise Failure(f"{variant.name} and {pattern.variants[0].name} differ by {difference:g}", 4)


def take_turn(variant: Variant, mx: Any, seconds: float) -> None:
    times: list[float] = []
    while not times or (sum(times) < seconds and len(times) < 2000):
        start = time.perf_counter()
        mx.eval(variant.run())
        times.append(time.perf_counter() - start)
    variant.turns.append(statistics.median(times))


def measure(names: list[str], turns: int, scale: int, progress: Progress) -> list[Pattern]:
    kernels = Kernels(scale)
    mx = kernels.mx
    patterns = []
    for name in names:
        progress.step(name)
        pattern = getattr(kernels, name)()
        patterns.append(pattern)
        try:
            compare(pattern, mx)
            for _ in range(turns):
                for variant in pattern.variants:
                    take_turn(variant, mx, TURN / math.sqrt(scale))
        except (Failure, RuntimeError, ValueError) as error:
            pattern.failed = str(error).strip().split("\n")[0]
    return patterns


def is_reference() -> bool:
    """Whether all runs on the executor that is slow by intention."""
    try:
        from ._library import _native

        return bool(_native().machine()["executor"] == "reference")
    except ImportError:  # a Mac
        return False


def about(mx: Any) -> dict[str, Any]:
    info = mx.device_info() if hasattr(mx, "device_info") else mx.metal.device_info()
    return {"device": str(info.get("device_name", "unknown")), "mlx": mx.__version__}


def times_of(pattern: Pattern) -> str:
    return ", ".join(f"{each.name} {duration(each.seconds)}" for each in pattern.variants)


def print_report(patterns: list[Pattern], machine: dict[str, Any], turns: int) -> None:
    colours = {"pays": "green", "costs here": "yellow", "failed": "red"}
    print()
    print(styled(f"{machine['device']}, MLX {machine['mlx']}, {turns} turns", "bold"))
    print()
    rows = [["pattern", "advice", "ratio", "verdict", "times"]]
    for each in patterns:
        verdict = styled(each.verdict, colours.get(each.verdict, "dim")) if each.verdict in colours else each.verdict
        rows.append([each.name, each.advice, "–" if each.failed else number(each.ratio), verdict, each.failed or times_of(each)])
    print(table(rows, right=[2], shrink=4))
    print()
    print(styled(f"ratio: the slowest of the other ways over the advised one (tile shapes: over the fastest); within {CLEAR} of each other counts as equal.\n"
                 "Medians of turns; launches and waiting are in all times.", "dim"))
    if is_reference():
        print(styled("This is the reference executor, which checks everything and is slow: its times say nothing (sizes are small here). "
                     "ANYMETAL_EXECUTOR=cpu takes the fast one.", "yellow"))


def as_json(patterns: list[Pattern], machine: dict[str, Any], turns: int) -> dict[str, Any]:
    return {"machine": machine, "turns": turns, "patterns": [
        {"name": each.name, "advice": each.advice, "verdict": each.verdict, "ratio": None if each.failed else each.ratio, "failed": each.failed or None,
         "variants": [{"name": v.name, "seconds": v.seconds if v.turns else None, "turns": v.turns} for v in each.variants]} for each in patterns]}


def draw(patterns: list[Pattern], machine: dict[str, Any]) -> str:
    """Bars of the ratios on a logarithmic axis, from 1: to the right the advice pays, to the left it costs."""
    from html import escape

    shown = [each for each in patterns if not each.failed]
    left, top, line, width = 190, 84, 34, 900
    far = max([2.0, *[max(each.ratio, 1 / each.ratio) for each in shown]]) ** 1.05
    low = min([0.8, *[each.ratio for each in shown]]) ** 1.05
    height = top + line * len(shown) + 46

    def x(ratio: float) -> float:
        return left + (width - left - 170) * (math.log(ratio) - math.log(low)) / (math.log(far) - math.log(low))
    style = ("text{font:14px system-ui,sans-serif;fill:#222}.title{font-size:18px;font-weight:600}.soft{fill:#667;font-size:12px}.paper{fill:#fff}"
             ".pays{fill:#2a8a57}.costs{fill:#c4841d}.same{fill:#9aa3ad}.axis{stroke:#99a;stroke-width:1}"
             "@media(prefers-color-scheme:dark){text{fill:#dde}.soft{fill:#99a}.paper{fill:#15181c}}")
    out = ['<?xml version="1.0" encoding="UTF-8"?>',
           f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
           "<title>Spot tests</title>", f"<style>{style}</style>", f'<rect width="{width}" height="{height}" class="paper"/>',
           '<text x="24" y="34" class="title">Spot tests: what the advised way is worth</text>',
           f'<text x="24" y="56" class="soft">{escape(machine["device"])}, MLX {escape(machine["mlx"])}; ratio of times, the other way over the advised one</text>']
    for at, each in enumerate(shown):
        y = top + line * at
        begin, end = sorted((x(1.0), x(each.ratio)))
        kind = "pays" if each.ratio > CLEAR else "costs" if each.ratio < 1 / CLEAR else "same"
        out.append(f'<text x="{left - 14}" y="{y + 19}" text-anchor="end">{escape(each.name)}</text>')
        out.append(f'<rect x="{begin:.1f}" y="{y + 5}" width="{max(end - begin, 2):.1f}" height="{line - 12}" rx="2" class="{kind}"><title>{escape(times_of(each))}</title></rect>')
        out.append(f'<text x="{max(end, x(1.0)) + 8:.1f}" y="{y + 19}">{number(each.ratio)} · {escape(each.verdict)}</text>')
    bottom = top + line * len(shown)
    out.append(f'<line x1="{x(1.0):.1f}" y1="{top - 6}" x2="{x(1.0):.1f}" y2="{bottom + 4}" class="axis"/>')
    out.append(f'<text x="{x(1.0):.1f}" y="{bottom + 22}" text-anchor="middle" class="soft">1: no difference</text>')
    return "\n".join([*out, "</svg>"]) + "\n"


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="anymetal spot-test", allow_abbrev=False, usage="anymetal spot-test [options] [PATTERN...]",
                                   description="Checks on this machine whether the patterns that guides advise pay: a ratio and a verdict for each.",
                                   epilog="patterns: " + ", ".join(PATTERNS))
    made.add_argument("patterns", nargs="*", metavar="PATTERN", help="these alone (all)")
    made.add_argument("--turns", type=int, default=7, metavar="N", help="turns; in each, every variant runs for about 20 ms (7)")
    made.add_argument("--quick", action="store_true", help="small sizes and one turn: whether it works, not how fast it is")
    made.add_argument("--json", metavar="FILE", help="all numbers, for programs; - for standard output, instead of the table")
    made.add_argument("--picture", metavar="FILE.svg", help="draws the ratios as bars")
    return made


def main(words: list[str]) -> int:
    options = parser().parse_args(words)
    unknown = [each for each in options.patterns if each not in PATTERNS]
    if unknown:
        raise Failure(f"there is no pattern '{unknown[0]}'; the patterns are: {', '.join(PATTERNS)}", 2)
    if options.turns < 1:
        raise Failure(f"--turns: {options.turns} was given; 1 or more is wanted", 2)
    try:
        import mlx.core as mx

        import anymetal  # noqa: F401  the back end
    except ImportError as error:
        raise Failure(f"spot tests need MLX ({error}): pip install \"mlx[cpu]\"", 3) from error
    names = options.patterns or PATTERNS
    turns = 1 if options.quick else options.turns
    with Progress(len(names)) as progress:
        patterns = measure(names, turns, 64 if options.quick or is_reference() else 1, progress)
    machine = about(mx)
    if options.json:
        text = json.dumps(as_json(patterns, machine, turns), indent=1) + "\n"
        if options.json == "-":
            sys.stdout.write(text)
        else:
            write_text(options.json, text)
    if options.json != "-":
        print_report(patterns, machine, turns)
    if options.picture:
        write_text(options.picture, draw(patterns, machine))
    return 1 if any(each.failed for each in patterns) else 0


if __name__ == "__main__":
    from anymetal import _spot_test
    from anymetal._bench import guarded

    sys.exit(guarded(_spot_test.main, sys.argv[1:]))
