"""Matrix times vector, of which whole blocks are left out or scaled."""

import numpy as np

from anymetal import Buffer
from cover_gemm import MASKS, mask, spread
from framework import METAL, covers, decode, storage
from matrices import bound, ints, operand, product, strides

TYPES = ["float32", "float16", "bfloat16"]
# Results and length of the vector. In MLX's kernels the last thread moves inwards where its four
# results aren't all there: into another block and its mask, if less than four are left of a block.
SHAPES = [(37, 70), (64, 64), (40, 131), (3, 65), (132, 100)]


def blocks(size, outputs, transposed):
    """BM, BN, SM, SN, TM, TN as MLX's host code chooses them for masks of blocks of `size`."""
    each = 1 if outputs < 4 else 4
    if transposed:
        return (1, 1 if each == 1 else 2, 8, 4, 4 if size == 32 else 8, each)
    return (2, 1, 4, 8, each, 4) if size == 32 else (2, 1, 2, 16, each, 4)


def setting(rng, dtype, size, outputs, length, batch, kinds):
    """The vectors and masks with what they hold, and the product in double."""
    rows, columns = -(-outputs // size), -(-length // size)
    special = {(0, 0, 0): np.nan, (0, outputs // 2, length - 1): np.inf}
    matrix, matrix_values = operand(rng, (batch, outputs, length), dtype, special)
    vector, vector_values = operand(rng, (batch, length), dtype)
    out, out_values = mask(rng, kinds[0], (batch * rows, 1), dtype)
    left, left_values = mask(rng, kinds[1], (batch * rows, columns), dtype)
    right, right_values = mask(rng, kinds[1], (batch * columns, 1), dtype)
    expected, magnitude = np.zeros((2, batch, outputs))
    for each in range(batch):
        for part in range(columns):
            along = slice(part * size, (part + 1) * size)
            scale = np.ones((outputs, 1))
            if kinds[1]:
                scale = spread(left_values[each * rows:(each + 1) * rows, part:part + 1], size,
                               outputs, 1) * right_values[each * columns + part]
            sums = product(matrix_values[each][:, along], vector_values[each, along, None])
            for total, added in zip((expected, magnitude), sums):
                with np.errstate(invalid="ignore"):
                    total[each] += np.where(scale != 0, scale * added, 0)[:, 0]
        if kinds[0]:
            scale = spread(out_values[each * rows:(each + 1) * rows], size, outputs, 1)[:, 0]
            for total in (expected, magnitude):
                with np.errstate(invalid="ignore"):
                    total[each] = np.where(scale != 0, scale * total[each], 0)
    return matrix, vector, (out, left, right), expected, magnitude


@covers("gemv_masked.h")
def gemv_masked(run):
    rng = np.random.default_rng(1)
    for dtype in TYPES:
        types = {"bool": "bool", "T": METAL[dtype], None: "nomask_t"}
        for transposed in (False, True):
            name = "gemv_t_masked" if transposed else "gemv_masked"
            uses = [(SHAPES[at % len(SHAPES)], (32, 64)[(at // 2) % 2], at % 3 == 1, kinds)
                    for at, kinds in enumerate(MASKS)]
            library = run.library({
                f"k{at}": f"{name}<{METAL[dtype]}, {types[out]}, {types[op]}, "
                f"{', '.join(map(str, blocks(size, shape[0], transposed)))}, {int(nc)}>"
                for at, (shape, size, nc, (out, op)) in enumerate(uses)
            })
            for at, ((outputs, length), size, nc, kinds) in enumerate(uses):
                batch = 2 if nc or at % 2 else 1
                a, x, masks, expected, magnitude = setting(rng, dtype, size, outputs, length, batch,
                                                           kinds)
                bm, bn, sm, sn, tm, tn = blocks(size, outputs, transposed)
                each = bn * sn * tn if transposed else bm * sm * tm
                rows, columns = -(-outputs // size), -(-length // size)
                # Between columns and rows of blocks; a transposed kernel has them the other way.
                steps = ([1, 1] if kinds[0] else []) + ([1, columns, 1, 1]
                                                        if kinds[1] else []) + [0]
                if transposed and kinds[1]:
                    at_matrix = 2 if kinds[0] else 0
                    steps[at_matrix:at_matrix + 2] = [columns, 1]
                batches = ([rows] if kinds[0] else []) + ([rows * columns, columns]
                                                          if kinds[1] else []) + [0]

                def batched(*each):
                    return strides(
                        *[part for stride in each for part in ([7, stride] if nc else [stride])])

                y = np.ones((batch, outputs), storage(dtype))
                if transposed:
                    a = np.ascontiguousarray(a.swapaxes(1, 2))
                library.kernel(f"k{at}")(buffers={
                    0: Buffer(a), 1: Buffer(x), 3: Buffer(y), 4: length, 5: outputs,
                    6: outputs if transposed else length, 9: 2 if nc else 1,
                    10: ints(1, batch) if nc else ints(batch), 11: batched(length),
                    12: batched(outputs * length), 20: Buffer(masks[0]), 21: Buffer(masks[1]),
                    22: Buffer(masks[2]), 23: ints(*steps), 24: batched(*batches)
                }, threadgroups=(-(-outputs // each), 1, batch), threadgroup=(32, bn, bm))
                run.check(name, dtype, [batch, outputs, length, size], decode(y, dtype), expected,
                          atol=bound(expected, magnitude, length, dtype), oracle="NumPy in double")
