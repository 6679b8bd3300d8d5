"""Convolutions as products of matrices that are never built."""

from math import lcm

import numpy as np

from framework import METAL, covers, decode, storage
from matrices import bound, operand

INCLUDES = ["steel/gemm/mma.h", "steel/conv/conv.h", "steel/conv/params.h", "steel/utils.h"]
TYPES = ["float32", "float16", "bfloat16"]


def dense(shape):
    return [int(np.prod(shape[at + 1:])) for at in range(len(shape))]


def convolution(x, w, stride, pad, dilation, input_dilation, groups, flip, sizes):
    """In double, one place of the filter after the other; and the same of magnitudes."""
    dims = len(stride)
    if flip:
        w = np.flip(w, tuple(range(1, dims + 1)))
    wide = np.zeros(
        (x.shape[0],
         *[p + (n - 1) * i + 1 + 64
           for n, p, i in zip(x.shape[1:-1], pad, input_dilation)], x.shape[-1]))
    wide[(
        slice(None),
        *[slice(p, p + (n - 1) * i + 1, i)
          for n, p, i in zip(x.shape[1:-1], pad, input_dilation)])] = x
    results = np.zeros((2, x.shape[0], *sizes, w.shape[0]))
    channels, outputs = x.shape[-1] // groups, w.shape[0] // groups
    for place in np.ndindex(*w.shape[1:-1]):
        seen = wide[(slice(None), *[
            slice(at * d, at * d + (o - 1) * s + 1, s)
            for at, d, o, s in zip(place, dilation, sizes, stride)
        ])]
        for group in range(groups):
            out = slice(group * outputs, (group + 1) * outputs)
            part, weights = seen[..., group * channels:(group + 1) * channels], w[(out, *place)]
            with np.errstate(all="ignore"):
                results[0, ..., out] += (part[..., None, :] * weights).sum(-1)
                results[1, ..., out] += np.abs(part[..., None, :] * weights).sum(-1)
    return results


def setting(rng, dtype, batch, size, channels, outputs, filter, stride, pad, dilation,
            input_dilation=None, groups=1, flip=False):
    dims = len(size)
    input_dilation = input_dilation or (1, ) * dims
    x, x_values = operand(rng, (batch, *size, channels),
                          dtype, {(0, ) * (dims + 2): np.nan,
                                  (0, *[n - 1 for n in size], channels - 1): np.inf})
    w, w_values = operand(rng, (outputs, *filter, channels // groups), dtype)
    sizes = [((n - 1) * i + 1 + 2 * p - d * (f - 1) - 1) // s + 1
             for n, i, p, d, f, s in zip(size, input_dilation, pad, dilation, filter, stride)]
    params = {
        "N": batch, "C": channels, "O": outputs, "iS": list(size), "wS": list(filter), "oS": sizes,
        "str": list(stride), "pad": list(pad), "kdil": list(dilation), "idil": list(input_dilation),
        "in_strides": dense(x.shape), "wt_strides": dense(w.shape), "out_strides": dense(
            (batch, *sizes, outputs)), "groups": groups, "flip": flip
    }
    y = np.zeros((batch, *sizes, outputs), storage(dtype))
    expected, magnitude = convolution(x_values, w_values, stride, pad, dilation, input_dilation,
                                      groups, flip, sizes)
    return x, w, y, params, expected, bound(expected, np.nan_to_num(magnitude, posinf=0),
                                            int(np.prod(filter)) * channels // groups, dtype)


def jumps(params, bk=16):
    """How far the input moves from one place of the filter to the next; the last is that to the
    next channels."""
    sign = -1 if params["flip"] else 1
    steps = [
        stride * dilation for stride, dilation in zip(params["in_strides"][1:-1], params["kdil"])
    ]
    back = [sign * step * (size - 1) for step, size in zip(steps, params["wS"])]
    made = [sign * step - sum(back[at + 1:]) for at, step in enumerate(steps)]
    return made[::-1] + [bk - sum(back)]


def gemm(params, per_group, block, iterations, rows):
    names = ["w", "h", "d"][:len(params["iS"])]
    return {
        "M": params["N"] * int(np.prod(params["oS"])), "N": per_group,
        "K": int(np.prod(params["wS"])) * params["C"] // params["groups"],
        "gemm_k_iterations": iterations, **{
            f"inp_jump_{name}": jump
            for name, jump in zip([*names, "c"], jumps(params))
        }, "tiles_n": -(-per_group // block[1]), "tiles_m": -(-rows // block[0]), "swizzle_log": 0
    }


BLOCKS = [(32, 8, 16, 4, 1), (64, 8, 16, 4, 1), (32, 32, 16, 2, 2), (32, 64, 16, 2, 2),
          (64, 32, 16, 2, 2), (64, 64, 16, 2, 2)]


def direct(run, name, uses, filters):
    rng = np.random.default_rng(1)
    for dtype in TYPES:
        library = run.library({
            f"k{at}": f"{name}<{METAL[dtype]}, {', '.join(map(str, BLOCKS[block]))}, {kind}>"
            for at, (block, kind) in enumerate(dict.fromkeys(
                (use[0], filters(use)) for use in uses))
        })
        names = {
            key: f"k{at}"
            for at, key in enumerate(dict.fromkeys((use[0], filters(use)) for use in uses))
        }
        for use in uses:
            block, (batch, size, channels, outputs, filter, stride, pad, dilation, groups,
                    flip) = BLOCKS[use[0]], use[1:]
            x, w, y, params, expected, allowed = setting(rng, dtype, batch, size, channels, outputs,
                                                         filter, stride, pad, dilation,
                                                         groups=groups, flip=flip)
            inner, places = channels // groups, int(np.prod(filter))
            iterations = places * -(-inner // 16)
            if name.endswith("2d") and inner <= 4:
                iterations = -(-places * inner // 16) if inner <= 2 else -(-places * 4 // 16)
            numbers = gemm(params, outputs // groups, block, iterations, y.size // outputs)
            library.kernel(names[use[0], filters(use)])(x, w, y, params, numbers,
                                                        threadgroups=(numbers["tiles_n"],
                                                                      numbers["tiles_m"], groups),
                                                        threadgroup=(32, block[4], block[3]))
            run.check(name, dtype, [batch, *size, channels, outputs, *filter], decode(y, dtype),
                      expected, atol=allowed, oracle="NumPy in double")


@covers("steel/conv/kernels/steel_conv.h", *INCLUDES)
def conv_2d(run):
    # block, batch, size, channels, outputs, filter, stride, padding, dilation, groups, flip
    # MLX takes these kernels for up to four channels or a multiple of 16 (the others read beyond
    # the weights), and so many outputs.
    uses = [(0, 2, (7, 9), 16, 8, (3, 3), (1, 1), (1, 1), (1, 1), 1, False),
            (1, 1, (9, 8), 16, 7, (2, 3), (2, 1), (0, 1), (1, 2), 1, True),
            (2, 1, (8, 8), 32, 64, (3, 3), (1, 1), (1, 1), (1, 1), 2, False),
            (3, 1, (6, 7), 32, 64, (1, 1), (1, 1), (0, 0), (1, 1), 1, False),
            (4, 1, (9, 9), 16, 32, (3, 2), (1, 2), (2, 0), (2, 1), 1, True),
            (5, 1, (8, 9), 16, 64, (2, 2), (1, 1), (1, 1), (1, 1), 1, False),
            (2, 1, (8, 7), 1, 32, (3, 3), (1, 1), (1, 1), (1, 1), 1, False),
            (2, 2, (6, 7), 2, 64, (3, 3), (1, 1), (1, 0), (1, 1), 1, False),
            (2, 1, (9, 7), 3, 32, (5, 3), (2, 2), (1, 1), (1, 1), 1, False),
            (2, 1, (8, 7), 4, 32, (3, 3), (1, 1), (1, 1), (1, 1), 1, False),
            (2, 1, (20, 19), 16, 32, (17, 3), (1, 1), (0, 1), (1, 1), 1, False)]

    def filters(use):
        inner, filter = use[3] // use[9], use[5]
        return (f"{inner}, false" if inner <= 4 else "0, true" if max(filter) <= 16 else "0, false")

    direct(run, "implicit_gemm_conv_2d", uses, filters)


@covers("steel/conv/kernels/steel_conv_3d.h", *INCLUDES)
def conv_3d(run):
    uses = [(0, 1, (4, 5, 3), 16, 8, (2, 3, 2), (1, 1, 1), (1, 1, 0), (1, 1, 1), 1, False),
            (2, 2, (3, 4, 5), 16, 32, (2, 2, 2), (1, 2, 1), (0, 1, 1), (1, 1, 2), 1, False),
            (3, 1, (4, 4, 4), 32, 64, (1, 2, 3), (1, 1, 1), (0, 0, 1), (1, 1, 1), 1, False),
            (5, 1, (5, 4, 3), 16, 128, (3, 1, 2), (2, 1, 1), (1, 0, 1), (1, 1, 1), 1, True),
            (2, 1, (18, 3, 3), 16, 32, (17, 2, 1), (1, 1, 1), (0, 0, 0), (1, 1, 1), 1, False)]
    direct(run, "implicit_gemm_conv_3d", uses, lambda use: "true" if max(use[5]) <= 16 else "false")


def bases(params, axis, count):
    """For each phase of the output: the first place of the filter that meets an input, and how many
    do."""
    flip, size, step = params["flip"], params["wS"][axis], params["kdil"][axis]
    every = lcm(params["idil"][axis], step) // step
    made = []
    for phase in range(count):
        at, first = phase * params["str"][axis] - params["pad"][axis] + (
            (size - 1) * step if flip else 0), 0
        while first < size and at % params["idil"][axis]:
            first, at = first + 1, at + (-step if flip else step)
        made.append((first, (size - first + every - 1) // every))
    return np.array(made, np.int32)


@covers("steel/conv/kernels/steel_conv_general.h", *INCLUDES)
def conv_general(run):
    rng = np.random.default_rng(3)
    uses = [(2, 1, (5, 6), 16, 32, (3, 3), (1, 1), (1, 1), (1, 1), (2, 2), False),
            (2, 2, (4, 5), 7, 20, (3, 2), (1, 2), (1, 0), (1, 1), (2, 3), True),
            (5, 1, (6, 5), 33, 64, (2, 3), (2, 1), (0, 1), (2, 1), (1, 2), False),
            (2, 1, (7, 7), 32, 33, (3, 3), (1, 1), (2, 2), (1, 1), (2, 1), True)]
    for dtype in TYPES:
        library = run.library({
            f"k{block}": f"implicit_gemm_conv_2d_general<{METAL[dtype]}, "
                         f"{', '.join(map(str, BLOCKS[block]))}>"
            for block in (2, 5)
        })
        for (which, batch, size, channels, outputs, filter, stride, pad, dilation, input_dilation,
             flip) in uses:
            block = BLOCKS[which]
            x, w, y, params, expected, allowed = setting(rng, dtype, batch, size, channels, outputs,
                                                         filter, stride, pad, dilation,
                                                         input_dilation, flip=flip)
            phases = [lcm(i, s) // s for i, s in zip(input_dilation, stride)]
            across = [-(-n // phase) for n, phase in zip(params["oS"], phases)]
            rows = batch * across[0] * across[1]
            numbers = gemm(params, outputs, block, -(-channels // 16), rows)
            every = [lcm(i, d) // d for i, d in zip(input_dilation, dilation)]
            jump = {
                "f_wgt_jump_h": every[0], "f_wgt_jump_w": every[1], "f_out_jump_h": phases[0],
                "f_out_jump_w": phases[1], "adj_out_h": across[0], "adj_out_w": across[1],
                "adj_out_hw": across[0] * across[1], "adj_implicit_m": rows
            }
            library.kernel(f"k{which}",
                           {200: channels % 16 == 0})(x, w, y, params, numbers, jump,
                                                      bases(params, 0, phases[0]),
                                                      bases(params, 1, phases[1]),
                                                      threadgroups=(numbers["tiles_n"],
                                                                    numbers["tiles_m"],
                                                                    phases[0] * phases[1]),
                                                      threadgroup=(32, block[4], block[3]))
            run.check("implicit_gemm_conv_2d_general", dtype,
                      [batch, *size, channels, outputs, *filter], decode(y, dtype), expected,
                      atol=allowed, oracle="NumPy in double")
