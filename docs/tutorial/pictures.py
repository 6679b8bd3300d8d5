"""Draws the pictures of this tutorial, as SVG that is readable on light and on dark paper: python docs/tutorial/pictures.py

Each picture is a function that returns its shapes; the file has its name. Colours are classes, so that the style alone knows of dark paper.
"""

from pathlib import Path
from xml.sax.saxutils import escape

LIGHT = {"ink": "#1f2328", "soft": "#59636e", "line": "#8c959f", "a": "#9ec5fe", "b": "#ffd8a8", "c": "#b2f2bb", "d": "#eebefa", "none": "#f1f3f5", "bad": "#ffa8a8"}
DARK = {"ink": "#e6edf3", "soft": "#9198a1", "line": "#6e7681", "a": "#1c4f8c", "b": "#7a4a10", "c": "#1f6b33", "d": "#6b2f80", "none": "#21262d", "bad": "#8f2d2d"}


def style() -> str:
    def rules(colours: dict[str, str]) -> str:
        fills = " ".join(f".{name} {{ fill: {colours[name]}; }}" for name in ("a", "b", "c", "d", "none", "bad"))
        return (f"text {{ fill: {colours['ink']}; }} text.soft {{ fill: {colours['soft']}; }} rect, path {{ stroke: {colours['line']}; }} "
                f".open {{ fill: none; }} .arrow {{ fill: {colours['soft']}; stroke: none; }} {fills}")

    return f"text {{ font: 13px sans-serif; }} .small {{ font-size: 11px; }} {rules(LIGHT)} @media (prefers-color-scheme: dark) {{ {rules(DARK)} }}"


def box(x, y, width, height, kind="open", stroke=1.0) -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" class="{kind}" stroke-width="{stroke}"/>'


def text(x, y, words, anchor="start", kind="") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" class="{kind}">{escape(str(words))}</text>'


def arrow(x, y, x2, y2) -> str:
    """Along one axis."""
    if y == y2:
        return f'<path d="M{x} {y}H{x2 - 6}"/><path class="arrow" d="M{x2} {y}l-8 -4v8z"/>'
    return f'<path d="M{x} {y}V{y2 - 6}"/><path class="arrow" d="M{x} {y2}l-4 -8h8z"/>'


def picture(width, height, title, shapes) -> str:
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
             f"<title>{escape(title)}</title>", f"<style>{style()}</style>", *shapes, "</svg>"]
    return "\n".join(lines) + "\n"


def grid() -> str:
    """150 threads in threadgroups of 64: two simdgroups each, the last threadgroup cut off."""
    shapes = [text(10, 20, "grid=(150, 1, 1), threadgroup=(64, 1, 1)")]
    x, cell = 10, 4
    for group, threads in enumerate((64, 64, 22)):
        shapes.append(text(x, 50, f"threadgroup {group}"))
        for first in range(0, threads, 32):
            count = min(32, threads - first)
            for lane in range(count):
                shapes.append(box(x + (first + lane) * cell, 60, cell, 26, "a" if first == 0 else "b", 0.5))
            shapes.append(text(x + first * cell, 102, f"{count} lanes", kind="soft small"))
        shapes.append(box(x, 60, threads * cell, 26, stroke=2))
        x += threads * cell + 14
    shapes += [text(10, 130, "one small box: a thread; one colour: a simdgroup, whose threads take each step together", kind="soft"),
               text(10, 148, "one frame: a threadgroup, whose threads share memory and can wait for each other", kind="soft")]
    return picture(670, 160, "A grid of threads, its threadgroups and their simdgroups", shapes)


def reduction() -> str:
    shapes = [text(10, 20, "256 threads: eight simdgroups, each with its own simd_max")]
    for group in range(8):
        x = 10 + group * 76
        shapes += [box(x, 32, 68, 22, "a" if group % 2 == 0 else "b"), text(x + 34, 47, "32 lanes", "middle", "small"), arrow(x + 34, 54, x + 34, 80),
                   box(x + 20, 80, 28, 24, "c"), text(x + 34, 97, group, "middle", "small"), arrow(x + 34, 122, x + 34, 146),
                   box(x, 146, 68, 22, "a" if group % 2 == 0 else "b"), text(x + 34, 161, "simd_max", "middle", "small")]
    shapes += [box(26, 76, 568, 32, stroke=1.5), text(602, 97, "part[8]", kind="soft"), '<path d="M10 116H612" stroke-width="3"/>',
               text(622, 120, "barrier", kind="soft"), text(10, 190, "behind the barrier each simdgroup reads all eight numbers", kind="soft")]
    return picture(690, 202, "A reduction in two levels", shapes)


def _tiled(x, y, columns, rows, filled, kind, name) -> list[str]:
    side = 30
    shapes = [box(x + c * side, y + r * side, side, side, kind if (c, r) in filled else "none", 0.7) for r in range(rows) for c in range(columns)]
    return [*shapes, box(x, y, columns * side, rows * side, stroke=1.5), text(x + columns * side / 2, y + rows * side + 18, name, "middle")]


def tiles() -> str:
    """C's tile (2, 1) from A's second row of tiles and B's third column of tiles."""
    shapes = [*_tiled(20, 150, 4, 3, {(column, 1) for column in range(4)}, "a", "A"), *_tiled(170, 10, 4, 4, {(2, row) for row in range(4)}, "b", ""),
              text(300, 74, "B"), *_tiled(170, 150, 4, 3, {(2, 1)}, "c", "C")]
    for k in range(4):
        shapes += [text(35 + k * 30, 200, k, "middle", "small"), text(245, 30 + k * 30, k, "middle", "small")]
    shapes += [text(350, 60, "In turn k = 0, 1, 2, 3 a threadgroup fetches"), text(350, 80, "tile k of its row of A and tile k of its column of B"),
               text(350, 100, "into threadgroup memory, waits, and adds their"), text(350, 120, "product to its tile of C, which stays in registers."),
               text(350, 160, "With tiles of 16 each element that was fetched", kind="soft"), text(350, 180, "is used 16 times.", kind="soft")]
    return picture(670, 270, "A tile of C is the sum of products of tiles of A and B", shapes)


def _banks(x, width, title) -> list[str]:
    """Eight banks stand for 32. Word (row, column) of the tile lies in bank (row * width + column) % 8."""
    shapes = [text(x, 20, title)]
    for bank in range(8):
        shapes.append(text(x + 17 + bank * 34, 42, bank, "middle", "soft small"))
    for row in range(8):
        for column in range(width):
            word = row * width + column
            kind = "bad" if column == 0 else "none"
            if column == 8:
                kind = "open"
            shapes.append(box(x + word % 8 * 34, 48 + word // 8 * 22, 34, 22, kind, 0.7))
            label = "" if column == 8 else f"{row},{column}"
            shapes.append(text(x + word % 8 * 34 + 17, 63 + word // 8 * 22, label, "middle", "small"))
    return shapes


def banks() -> str:
    shapes = [*_banks(10, 8, "rows of 8 words: column 0 lies in bank 0 alone"), *_banks(350, 9, "rows of 9 words: column 0 lies in all banks"),
              text(10, 265, "row,column of the tile; the numbers above are banks (8 of them for 32)", kind="soft"),
              text(10, 285, "words without numbers: the unused ones, one a row", kind="soft")]
    return picture(640, 295, "Bank conflicts: a column of a tile, with rows of 8 and of 9 words", shapes)


UNIT = 46  # pixels for one unit of time


def _line_of_time(y, name, bars) -> list[str]:
    """Bars are (begin, length, colour, label), in units of time."""
    shapes = [text(10, y + 19, name, kind="soft")]
    for begin, length, kind, label in bars:
        x = 130 + begin * UNIT
        shapes += [box(x, y, length * UNIT - 3, 28, kind), text(x + (length * UNIT - 3) / 2, y + 19, label, "middle", "small")]
    return shapes


def _ends(y, begin, words) -> list[str]:
    return [text(138 + begin * UNIT, y + 19, words, kind="soft small")]


def banding() -> str:
    in_turn = [(2 * band + step, 1, "ab"[step], f"band {band}") for band in range(4) for step in range(2)]
    shapes = [text(10, 20, "two steps on the whole: all that lies between them is kept at once"),
              *_line_of_time(32, "one stream", [(0, 4, "a", "first step, all rows"), (4, 4, "b", "second step, all rows")]),
              text(10, 95, "in four bands: a quarter of it, and again and again the same memory"), *_line_of_time(107, "one stream", in_turn),
              text(10, 170, "in bands on two streams: overlap, where a step leaves something idle"),
              *_line_of_time(182, "stream 0", [(0, 1, "a", "band 0"), (1, 1, "b", "band 0"), (2, 1, "a", "band 2"), (3, 1, "b", "band 2")]),
              *_line_of_time(214, "stream 1", [(1, 1, "a", "band 1"), (2, 1, "b", "band 1"), (3, 1, "a", "band 3"), (4, 1, "b", "band 3")]),
              *_ends(198, 5, "done earlier, at best")]
    return picture(540, 252, "Two steps: on the whole, in bands, in bands on two streams", shapes)


def prefetch() -> str:
    shapes = [text(10, 20, "in turn: each waits for the other"),
              *_line_of_time(30, "loading", [(3 * batch, 2, "d", f"batch {batch}") for batch in range(3)]),
              *_line_of_time(62, "kernels", [(3 * batch + 2, 1, "c", batch) for batch in range(3)]),
              text(10, 120, "mx.async_eval: loading goes on while a kernel runs"),
              *_line_of_time(130, "loading", [(2 * batch, 2, "d", f"batch {batch}") for batch in range(3)]),
              *_line_of_time(162, "kernels", [(2 * batch + 2, 1, "c", batch) for batch in range(3)]),
              text(10, 220, "and two workers: the kernels hardly wait any more"),
              *_line_of_time(230, "worker 0", [(0, 2, "d", "batch 0"), (2, 2, "d", "batch 2")]),
              *_line_of_time(262, "worker 1", [(0, 2, "d", "batch 1")]),
              *_line_of_time(294, "kernels", [(2, 1, "c", 0), (3, 1, "c", 1), (4, 1, "c", 2)])]
    return picture(560, 332, "Loading and kernels: in turn, started early, and prefetched by two workers", shapes)


PICTURES = {"grid": grid, "reduction": reduction, "tiles": tiles, "banks": banks, "banding": banding, "prefetch": prefetch}


def main() -> None:
    for name, draw in PICTURES.items():
        (Path(__file__).parent / f"{name}.svg").write_text(draw())


if __name__ == "__main__":
    main()
