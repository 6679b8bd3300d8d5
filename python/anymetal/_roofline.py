"""The roofline: each kernel as a point over its operations for a byte, below the two lines that the machine can't pass.

One SVG of text and lines, without scripts. Colours come from the reader's scheme, light or dark; the background is the page's own
(`prefers-color-scheme` decides for viewers that show the file alone).
"""

from __future__ import annotations

import math
from html import escape
from typing import Any

from ._report import duration, number, percent, size

WIDTH, HEIGHT = 960, 600
LEFT, RIGHT, TOP, BOTTOM = 84, 24, 84, 62
LIGHT = {"paper": "#ffffff", "ink": "#1f2328", "soft": "#57606a", "grid": "#e4e8ec", "roof": "#b35900", "point": "#0550ae"}
DARK = {"paper": "#0d1117", "ink": "#e6edf3", "soft": "#9da7b3", "grid": "#262c36", "roof": "#ffa657", "point": "#79c0ff"}


def _style() -> str:
    """Plain rules: not every program that shows SVG knows variables, and those that know no media queries show the light one."""
    def colours(c: dict[str, str]) -> str:
        return (f".paper {{ fill: {c['paper']}; }} text {{ fill: {c['ink']}; }} .soft {{ fill: {c['soft']}; }} .grid {{ stroke: {c['grid']}; }} "
                f".frame, .lead {{ stroke: {c['soft']}; }} .roof {{ stroke: {c['roof']}; }} .rooftext {{ fill: {c['roof']}; }} "
                f".point {{ fill: {c['point']}; stroke: {c['paper']}; }} .label {{ stroke: {c['paper']}; }}")

    return ("text { font: 13px system-ui, 'DejaVu Sans', sans-serif; } .title { font-size: 17px; font-weight: 600; } .frame, .roof { fill: none; } "
            f".roof {{ stroke-width: 2.5; }} .point {{ stroke-width: 1.5; }} .lead {{ stroke-width: 0.8; }} "
            f".label {{ stroke-width: 3; paint-order: stroke; }}\n{colours(LIGHT)}\n"
            f"@media (prefers-color-scheme: dark) {{ {colours(DARK)} }}")


class Axes:
    """Logarithmic, from a power of ten (or its half) to another."""

    def __init__(self, xs: list[float], ys: list[float]) -> None:
        self.x0, self.x1 = _powers(xs, 2)
        self.y0, self.y1 = _round(min(ys) * 0.8, down=True), _round(max(ys) * 1.3, down=False)

    def x(self, value: float) -> float:
        share = (math.log(value) - math.log(self.x0)) / (math.log(self.x1) - math.log(self.x0))
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        share = (math.log(value) - math.log(self.y0)) / (math.log(self.y1) - math.log(self.y0))
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _round(value: float, down: bool) -> float:
    """To 1, 2 or 5 times a power of ten."""
    steps = [step * 10.0**power for power in range(-9, 10) for step in (1, 2, 5)]
    return max(s for s in steps if s <= value) if down else min(s for s in steps if s >= value)


def _powers(values: list[float], base: int) -> tuple[float, float]:
    """Whole powers that hold all values, with some room at both ends."""
    low, high = math.floor(math.log(min(values) * 0.8, base)), math.ceil(math.log(max(values) * 1.3, base))
    return float(base) ** low, float(base) ** max(high, low + 1)


def _plain(value: float) -> str:
    """Powers of two and ten for axes: 1/8, 0.01, 32, 1,000."""
    if value >= 1:
        return f"{value:,.0f}"
    return f"1/{round(1 / value)}" if math.log2(value) == round(math.log2(value)) and value != 0.1 else f"{value:g}"


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start", more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{f" class={chr(34)}{kind}{chr(34)}" if kind else ""}{more}>{escape(words)}</text>'


def _line(x0: float, y0: float, x1: float, y1: float, kind: str) -> str:
    return f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" class="{kind}"/>'


def _grid(axes: Axes) -> list[str]:
    out = []
    x = axes.x0
    while x <= axes.x1 * 1.001:
        out.append(_line(axes.x(x), TOP, axes.x(x), HEIGHT - BOTTOM, "grid"))
        out.append(_text(axes.x(x), HEIGHT - BOTTOM + 20, _plain(x), "soft", "middle"))
        x *= 2 if axes.x1 / axes.x0 <= 2**14 else 4
    y = 10.0 ** math.ceil(math.log10(axes.y0) - 1e-9)
    while y <= axes.y1 * 1.001:
        out.append(_line(LEFT, axes.y(y), WIDTH - RIGHT, axes.y(y), "grid"))
        out.append(_text(LEFT - 8, axes.y(y) + 4, _plain(y), "soft", "end"))
        y *= 10
    out.append(f'<rect x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT - TOP - BOTTOM}" class="frame"/>')
    out.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16, "floating-point operations for a byte of the arguments", "", "middle"))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    out.append(_text(22, middle, "GFLOP/s", "", "middle", f' transform="rotate(-90 22 {middle:.1f})"'))
    return out


def _roofs(axes: Axes, memory: float, arithmetic: float) -> list[str]:
    """`memory` in GB/s, `arithmetic` in GFLOP/s."""
    ridge = arithmetic / memory
    start = max(axes.x0, axes.y0 / memory)
    points = [(start, start * memory), (ridge, arithmetic), (axes.x1, arithmetic)]
    path = " ".join(f"{axes.x(x):.1f},{axes.y(y):.1f}" for x, y in points)
    angle = math.degrees(math.atan2(axes.y(points[0][1]) - axes.y(arithmetic), axes.x(ridge) - axes.x(start)))
    at_x = math.exp((math.log(start) + math.log(ridge)) / 2)
    x, y = axes.x(at_x), axes.y(at_x * memory)
    slanted = f' transform="rotate({-angle:.1f} {x:.1f} {y:.1f})" dy="-9"'
    return [f'<polyline points="{path}" class="roof"/>',
            _text(x, y, f"copy {number(memory)} GB/s", "rooftext", "middle", slanted),
            _text(WIDTH - RIGHT - 8, axes.y(arithmetic) - 9, f"float32 multiply-add {number(arithmetic)} GFLOP/s", "rooftext", "end")]


class Labels:
    """Places for texts that don't lie on each other or on points: right of the point, left, above, below, then further away."""

    LETTER = 7.6  # widths of fonts differ: rather too much

    def __init__(self, points: list[tuple[float, float]]) -> None:
        self._taken = [(x - 6, y - 6, x + 6, y + 6) for x, y in points]

    def place(self, x: float, y: float, words: str) -> tuple[float, float]:
        """The left end and the base line."""
        wide, high = self.LETTER * len(words), 15.0
        for distance in (0, 16, 32, 48, 64, 80, 100, 120, 150):
            for left, base in ((x + 10, y + 4 + distance), (x + 10, y + 4 - distance), (x - 10 - wide, y + 4 + distance),
                               (x - 10 - wide, y + 4 - distance), (x - wide / 2, y - 10 - distance), (x - wide / 2, y + 20 + distance)):
                box = (left, base - high + 3, left + wide, base + 3)
                if box[0] < LEFT or box[2] > WIDTH - RIGHT or box[1] < TOP or box[3] > HEIGHT - BOTTOM:
                    continue
                if not any(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in self._taken):
                    self._taken.append(box)
                    return left, base
        return x + 10, y + 4


def _short(shape: str) -> str:
    return shape.replace("float", "f").replace(", ", "x")


def _names(timed: list[Any]) -> list[str]:
    """The kernels' names; where one comes several times, with what tells them apart."""
    names = [each.case.name for each in timed]
    def full(each: Any) -> str:
        largest = max(each.case.arguments, key=lambda a: a["bytes"], default={"shape": ""})
        return f"{each.case.name} {_short(largest['shape']) or size(each.case.grid)}"
    return [full(each) if names.count(name) > 1 else name for each, name in zip(timed, names)]


def draw(target: str, timed: list[Any], machine: Any, about: dict[str, Any]) -> str:
    """The whole file. Kernels without floating-point operations have no place on it, and are named below the title."""
    shown = [each for each in timed if each.operations and each.read is not None and each.read + each.written and not each.failed]
    left_out = [each.case.name for each in timed if each not in shown]
    memory, arithmetic = machine.bytes_per_second / 1e9, machine.operations_per_second / 1e9
    xs = [each.operations / (each.read + each.written) for each in shown]
    ys = [each.operations_per_second / 1e9 for each in shown]
    axes = Axes([*xs, 1 / 8, arithmetic / memory * 4], [*ys, arithmetic * 1.4, memory / 8])
    points = [(axes.x(x), axes.y(y)) for x, y in zip(xs, ys)]
    labels = Labels(points)
    marks = []
    for each, name, (x, y) in zip(shown, _names(shown), points):
        share = max(machine.shares(each))
        words = f"{name} · {percent(share)}"
        left, base = labels.place(x, y, words)
        is_left = left + Labels.LETTER * len(words) < x
        if abs(base - y - 4) > 12:
            marks.append(_line(x, y, left if left > x else min(x, left + Labels.LETTER * len(words)), base - (12 if base > y else -3), "lead"))
        tip = (f"{name}: {duration(each.seconds)}, {number(each.operations_per_second / 1e9)} GFLOP/s, "
               f"{number(each.bytes_per_second / 1e9)} GB/s, {percent(share)} of the nearer limit")
        marks.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5.5" class="point"><title>{escape(tip)}</title></circle>')
        marks.append(_text(left + Labels.LETTER * len(words), base, words, "label", "end") if is_left else _text(left, base, words, "label"))
    below = f"{about['device']}, {about['threads']} threads, bounds {about['bounds']}; percentages: of the nearer limit"
    lines = ['<?xml version="1.0" encoding="UTF-8"?>',
             f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">',
             f"<title>Roofline of {escape(target)}</title>", f"<style>{_style()}</style>",
             f'<rect width="{WIDTH}" height="{HEIGHT}" class="paper"/>',
             _text(LEFT, 32, f"Roofline of {target.rsplit('/', 1)[-1]}", "title"), _text(LEFT, 52, below, "soft")]
    if left_out:
        lines.append(_text(LEFT, 70, "no floating-point operations, or none counted: " + ", ".join(dict.fromkeys(left_out)), "soft"))
    return "\n".join([*lines, *_grid(axes), *_roofs(axes, memory, arithmetic), *marks, "</svg>"]) + "\n"
