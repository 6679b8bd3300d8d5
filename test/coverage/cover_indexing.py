"""Copies and everything that finds its elements by indices: copy.h, indexing/*.h."""

import math

import numpy as np

from cover_elementwise import WORK
from cover_pairs import CUBES
from framework import FLOATS, INTEGERS, METAL, covers, decode, encode
from values import EPSILON, anything, complexes, floats, integers, outputs, permuted, rounded

INDICES = ["uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"]


def cast(values, source, target):
    """What MLX's cast_to makes: truth of any bit but the sign's, the real part of complex numbers,
    C's conversions."""
    if target == "bool":
        return values != 0
    if source == "complex64" and target != "complex64":
        values = values.real
    return rounded(values, target)


def copied_values(size, source, target):
    if target == "bool" or source == target or source == "bool":
        return anything(size, source)
    if source in INTEGERS and target in INTEGERS:
        return integers(size, source)
    if target in INTEGERS:  # what does not fit an integer has no defined value
        return encode(np.random.default_rng(size).integers(0, 100, size) +
                      0.5, source) if source in EPSILON else integers(size, source)
    return integers(size, source, -250, 250) if source in INTEGERS else anything(size, source)


@covers("copy.h")
def copy_casts(run):
    for source in METAL:
        library = run.library(
            {target: f"copy_v<{METAL[source]}, {METAL[target]}>"
             for target in METAL})
        for target in METAL:
            for size in (1, 64, 203):
                x, y = copied_values(size, source, target), outputs(size, target)
                library.kernel(target)(x, y, size, grid=-(-size // WORK[target]))
                with np.errstate(all="ignore"):
                    run.check(f"copy_v to {target}", source, [size], decode(y, target),
                              cast(decode(x, source), source, target), oracle="NumPy")


@covers("copy.h")
def copy_forms(run):
    for dtype in METAL:
        t = METAL[dtype]
        names = {
            "s": f"copy_s<{t}, {t}>", "s2": f"copy_s2<{t}, {t}>", "v2": f"copy_v2<{t}, {t}>",
            "gn2": f"copy_g<{t}, {t}, 2, int>", "gn4": f"copy_g<{t}, {t}, 4>",
            "ggn2": f"copy_gg<{t}, {t}, 2, int>", "dynamic2": f"copy_gg_dynamic<{t}, {t}, 2, int>"
        }
        for d in (1, 2, 3):
            names.update({
                f"g{d}": f"copy_g_nd{d}<{t}, {t}, int>", f"gg{d}": f"copy_gg_nd{d}<{t}, {t}, int>",
                f"dynamic{d}d": f"copy_gg_dynamic_nd{d}<{t}, {t}, int>"
            })
        library = run.library(names)
        for shape in CUBES:
            size = math.prod(shape)
            x = anything(size, dtype)
            view, strides = permuted(x, shape)
            extent = np.array(shape, np.int32)

            def check(name, y, wanted):
                run.check(name, dtype, shape,
                          decode(y, dtype).reshape(wanted.shape), decode(wanted, dtype),
                          oracle="NumPy")

            rows = (-(-shape[-1] // WORK[dtype]), size // shape[-1])
            for form, grid, wanted in (("s", -(-size // WORK[dtype]), np.repeat(x[:1], size)),
                                       ("s2", rows, np.repeat(x[:1], size)), ("v2", rows, x)):
                y = outputs(size, dtype)
                library.kernel(form)(x, y, size, grid=grid)
                check(f"copy_{form}", y, wanted)
            for each in (2, 4):
                y = outputs(size, dtype)
                grid = (-(-shape[-1] // each), shape[-2], math.prod(shape[:-2]))
                library.kernel(f"gn{each}")(x, y, extent, strides, len(shape), grid=grid)
                check(f"copy_g<{each}>", y, view)
            y = outputs(2 * size + 8, dtype)
            spread = np.array(np.empty(shape, np.int8).strides, np.int64) * 2
            grid = (-(-shape[-1] // 2), shape[-2], math.prod(shape[:-2]))
            library.kernel("ggn2")(x, y, extent, strides, spread, len(shape), grid=grid)
            check("copy_gg<2>", y[:2 * size:2].copy(), view)
            y = outputs(2 * size + 8, dtype)
            shifted = np.concatenate([x[:3], x])
            library.kernel("dynamic2")(shifted, y, extent, strides, spread, len(shape), 3, 5,
                                       grid=grid)
            check("copy_gg_dynamic<2>", y[5:2 * size + 5:2].copy(), view)
            for d in (1, 2, 3):
                inner, part = shape[-d:], view[(0, ) * (len(shape) - d)]
                s, o = (int(strides[-1]), 2) if d == 1 else (strides[-d:].copy(),
                                                             spread[-d:].copy())
                count, grid = math.prod(inner), tuple(reversed(inner))
                y = outputs(count, dtype)
                library.kernel(f"g{d}")(x, y, s, grid=grid)
                check(f"copy_g_nd{d}", y, part)
                y = outputs(2 * count, dtype)
                library.kernel(f"gg{d}")(x, y, s, o, grid=grid)
                check(f"copy_gg_nd{d}", y[::2].copy(), part)
                y = outputs(2 * count + 8, dtype)
                library.kernel(f"dynamic{d}d")(shifted, y, s, o, 3, 5, grid=grid)
                check(f"copy_gg_dynamic_nd{d}", y[5:2 * count + 5:2].copy(), part)


@covers("indexing/gather_front.h")
def gather_front(run):
    for dtype in METAL:
        for index in INDICES if dtype == "float32" else ["int32", "uint32"]:
            library = run.library(
                {str(n): f"gather_front<{METAL[dtype]}, {METAL[index]}, int, {n}>"
                 for n in (1, 2)})
            for rows, width, count in [(4, 8, 5), (9, 7, 11), (100, 13, 64)]:
                x = anything(rows * width, dtype).reshape(rows, width)
                at = integers(count, index, -rows if index[0] == "i" else 0, rows - 1)
                for n in (1, 2):
                    y = outputs((count, width), dtype)
                    library.kernel(str(n))(x, at, y, width, rows, grid=(-(-width // n), count))
                    run.check(f"gather_front<{index}, {n}>", dtype, [rows, width, count],
                              decode(y, dtype), decode(x[at.astype(np.int64)], dtype),
                              oracle="NumPy")


@covers("indexing/gather_axis.h")
def gather_axis(run):
    for dtype in METAL:
        for index in INDICES if dtype == "float32" else ["int32"]:
            library = run.library({
                f"{c}": f"gather_axis<{METAL[dtype]}, {METAL[index]}, int, {c}, {c}>"
                for c in ("true", "false")
            })
            for before, length, after, count in [(2, 8, 4, 3), (3, 5, 7, 9), (1, 33, 5, 17)]:
                x = anything(before * length * after, dtype).reshape(before, length, after)
                at = integers(before * count * after, index, -length if index[0] == "i" else 0,
                              length - 1).reshape(before, count, after)
                wanted = np.take_along_axis(x, at.astype(np.int64), 1)
                for contiguous in ("true", "false"):
                    y = outputs((before, count, after), dtype)
                    library.kernel(contiguous)(x, at, y, np.array([before, after], np.int32),
                                               np.array([length * after, 1], np.int64),
                                               np.array([count * after, 1], np.int64), 2, 1, length,
                                               after, after, grid=(after, count, before))
                    run.check(f"gather_axis<{index}, {contiguous}>",
                              dtype, [before, length, after, count], decode(y, dtype),
                              decode(wanted, dtype), oracle="NumPy")


@covers("indexing/scatter_axis.h", "reduce_utils.h")
def scatter_axis(run):
    for dtype in [d for d in METAL if d not in ("int64", "uint64")]:  # MLX refuses these
        ops = {"None": "None", "Sum": f"Sum<{METAL[dtype]}>"}
        for op in {"bool": ["Sum"], "complex64": ["None"]}.get(dtype, []):
            del ops[op]
        library = run.library({
            op: f"scatter_axis<{METAL[dtype]}, int32_t, int, {text}, true, true>"
            for op, text in ops.items()
        })
        for before, length, after, count in [(2, 8, 4, 3), (3, 5, 7, 5), (1, 34, 6, 17)]:
            out = anything(before * length * after, dtype) if dtype not in EPSILON else encode(
                np.arange(before * length * after) % 13 - 6, dtype)
            update = encode(np.arange(before * count * after) % 5,
                            dtype) if dtype in EPSILON else integers(before * count * after, dtype)
            at = np.argsort(np.random.default_rng(length).random((before, length, after)),
                            1)[:, :count].astype(np.int32)  # each place once
            at = np.where(at % 2 == 0, at, at - length).astype(np.int32)
            for op in ops:
                places = at if op == "None" else at // 2 + (at < 0) * 0
                wanted = decode(out, dtype).reshape(before, length, after).copy()
                u = decode(update, dtype).reshape(before, count, after)
                grid = np.ogrid[:before, :count, :after]
                if op == "None":
                    wanted[grid[0], places, grid[2]] = u
                else:
                    np.add.at(wanted, (grid[0], places, grid[2]), u)
                y = np.concatenate([out, np.zeros(-len(out) % 4, out.dtype)])
                library.kernel(op)(update, places.astype(np.int32), y,
                                   np.array([before, after], np.int32),
                                   np.array([count * after, 1], np.int64),
                                   np.array([count * after, 1], np.int64), 2, 1, length, after,
                                   after, grid=(after, count, before))
                run.check(f"scatter_axis<{op}>", dtype, [before, length, after, count],
                          decode(y[:len(out)], dtype).reshape(wanted.shape), wanted, oracle="NumPy")


@covers("indexing/masked_scatter.h")
def masked_scatter(run):
    for dtype in METAL:
        library = run.library(
            {c: f"masked_assign_impl<{METAL[dtype]}, {c}>"
             for c in ("true", "false")})
        for size in (8, 101, 1027):
            mask, source, out = integers(size,
                                         "bool"), anything(size,
                                                           dtype), anything(size, dtype, seed=1)
            offsets = (np.cumsum(mask) - mask).astype(np.uint32)
            wanted = out.copy()
            wanted[mask] = source[:mask.sum()]
            for contiguous in ("true", "false"):
                y = out.copy()
                library.kernel(contiguous)(mask, offsets, source, y, np.array([size], np.int32),
                                           np.array([1], np.int64), 1, size, size, grid=size)
                run.check(f"masked_assign_impl<{contiguous}>", dtype, [size], decode(y, dtype),
                          decode(wanted, dtype), oracle="NumPy")


@covers("indexing/scatter.h", "reduce_utils.h")
def slice_update(run):
    """A part of an array by an operation: dense, with steps, and by one number."""
    operations = {"Sum": np.add, "Prod": np.multiply, "Max": np.maximum, "Min": np.minimum}
    for dtype in METAL:
        if dtype == "bool":
            continue
        uses = [(op, *each) for each in ((True, True, False, 4, 1), (False, True, False, 2, 2),
                                         (False, False, False, 1, 0), (False, False, True, 1, 3))
                for op in (operations if dtype == "float32" else ["Sum", "Max"])]
        library = run.library({
            f"k{at}": f"slice_update_op_impl<{METAL[dtype]}, int, "
            f"{op}<{METAL[dtype]}>, {', '.join(str(each).lower() for each in rest)}>"
            for at, (op, *rest) in enumerate(uses)
        })
        for at, (op, dense, contiguous, scalar, work, dims) in enumerate(uses):
            for shape in [(2, 3, 4), (1, 5, 8), (3, 7, 12)]:
                size, steps = math.prod(shape), 1 if dense else 2
                out = anything(size * steps, dtype).reshape(*shape[:-1], -1)
                update = anything(1 if scalar else size * (1 if contiguous else 3), dtype, seed=1)
                part = update[0] if scalar else update[::1 if contiguous else 3].reshape(shape)
                wanted = decode(out, dtype).copy()
                with np.errstate(all="ignore"):
                    made = operations[op](wanted[..., ::steps], decode(np.asarray(part), dtype))
                wanted[..., ::steps] = rounded(made, dtype) if dtype in FLOATS else made
                # Dimensions that lie densely are one to MLX's host code.
                extent = {1: (size, ), 2: (size // shape[-1], shape[-1])}.get(dims, shape)
                spread = np.array(np.empty(extent, np.int8).strides, np.int64)
                library.kernel(f"k{at}")(update, out,
                                         np.array(extent,
                                                  np.int32), spread * (1 if contiguous else 3),
                                         len(extent), size, spread * steps, 0,
                                         grid=(extent[-1] // work, *reversed(extent[-3:-1])))
                run.check(f"slice_update_op_impl<{op}>", dtype, shape, decode(out, dtype), wanted,
                          rtol=2 * EPSILON[dtype] if dtype == "complex64" else 0, oracle="NumPy")
