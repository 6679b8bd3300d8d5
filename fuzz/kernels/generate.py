"""Random Metal kernels whose result Metal defines: what it leaves open (order of float sums over lanes, values of inactive
lanes, conversions out of range) isn't generated, so that any difference from the oracle is somebody's mistake.

Every kernel has the same parameters (SIGNATURE); the seed decides its text, the sizes of its launch and its inputs.
"""

import random
from dataclasses import replace

from context import Context, Variable, is_float, width
from declarations import Declarations
from prologue import COUNTERS, INPUTS, PROLOGUE, SIGNATURE, SLOTS, TILE  # noqa: F401 (for those who compare)
from tree import Node

THREADGROUPS = [(32, 1, 1), (64, 1, 1), (128, 1, 1), (96, 1, 1), (8, 8, 1), (16, 4, 1), (4, 4, 4), (32, 2, 1), (16, 1, 1), (20, 1, 1), (5, 3, 2),
                (1, 1, 1), (48, 1, 1)]
SHAPES = {"": TILE, "square": "8][17", "histogram": 16, "matrix": 256}  # what stands between the brackets


class Generator(Declarations):
    math = "safe"
    prologue = PROLOGUE

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.names = 0
        self.tiles, self.tile_bytes = [], 0  # (name, type, shape)
        self.grid, self.threadgroup = self.sizes()

    def sizes(self):
        pick = self.random.choice
        threadgroup = pick(THREADGROUPS)
        grid = tuple(size * pick([1, 1, 2, 3]) if side == 0 else size * pick([1, 1, 1, 2]) for side, size in enumerate(threadgroup))
        if self.random.random() < 0.3:
            grid = tuple(max(1, side - self.random.randrange(0, max(1, side // 3))) for side in grid)
        return grid, threadgroup

    @property
    def whole(self):
        """Every simdgroup has 32 threads, whichever threadgroup it is in."""
        size = self.threadgroup
        return all(g % s == 0 for g, s in zip(self.grid, size)) and size[0] * size[1] * size[2] % 32 == 0

    def kernel(self):
        declarations = self.declarations()
        guard, context = self.guard(Context(depth=1)) if self.chance(0.2) else (None, Context(depth=1))
        body, context = self.block(context, self.random.randrange(4, 14))
        if guard:
            body.parts.insert(0, guard)
        if self.chance(0.4):
            last, context = self.ways_out(context)
            body.parts.append(last)
        # What was computed must be seen.
        seen = [v for v in context.variables if v.type not in self.structs]
        for v in self.random.sample(seen, min(6, len(seen))):
            body.parts.append(Node("statement", [self.show(v)]))
        body.parts.append(self.result(replace(context, lockstep=False)))
        head = "".join(f"TILE({type}, {name}, {SHAPES[shape]});\n" for name, type, shape in self.tiles)
        head += "uint me = in_grid.x + grid3.x * (in_grid.y + grid3.y * in_grid.z);\n"
        body.parts.insert(0, Node("statement", [head]))
        return Node("text", [self.prologue, declarations, SIGNATURE, " ", body, "\n"])

    def show(self, v: Variable):
        slot = f"me * {SLOTS} + {self.random.randrange(SLOTS)}"
        if is_float(v.type):
            value = v.name if width(v.type) == 1 else f"{v.name}.x + {v.name}.{'xyzw'[width(v.type) - 1]}"
            return f"out_floats[{slot}] = float({value});"
        value = f"{v.name} ? 1 : 0" if v.type == "bool" else self.as_int(v.name, v.type)
        return f"out_ints[{slot}] ^= {value};"


def generator(seed):
    """The seed's generator: of five kernels, one has exact numbers and any math mode, and one little but loops."""
    from exact import ExactGenerator
    from loops import LoopGenerator

    return {3: LoopGenerator, 4: ExactGenerator}.get(seed % 5, Generator)(seed)
