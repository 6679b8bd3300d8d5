"""Attention: one kernel for few queries, in one or two passes, and the blocked one for many."""

import numpy as np

from anymetal import Buffer
from framework import METAL, covers, decode, encode, storage
from matrices import EPSILON, operand

TYPES = ["float32", "float16", "bfloat16"]


def ints(*values):
    return np.array(values, np.int32)


def attention(q, k, v, scale, mask=None, sinks=None):
    """softmax(scale q k^T + mask) v in double, what a kernel's result may be off for float sums,
    and the sum of p |v|."""
    heads = q.shape[1] // k.shape[1]
    k, v = np.repeat(k, heads, 1), np.repeat(v, heads, 1)
    with np.errstate(all="ignore"):
        scores = scale * (q @ k.swapaxes(-1, -2))
        off = (q.shape[-1] + 8) * 2.0**-24 * np.nan_to_num(
            scale * (np.abs(q) @ np.abs(k).swapaxes(-1, -2)), posinf=0).max()
        scores = scores if mask is None else scores + mask
        top = np.maximum(scores.max(-1, keepdims=True), -1e30)
        weights = np.exp(scores - top)
        total = weights.sum(
            -1, keepdims=True) + (0 if sinks is None else np.exp(sinks[None, :, None, None] - top))
        weights = weights / total
        # Keys of weight zero count as absent.
        result = np.where(weights[..., None] == 0, 0, weights[..., None] * v[:, :, None]).sum(-2)
        magnitude = np.nan_to_num(
            np.where(weights[..., None] == 0, 0,
                     weights[..., None] * np.abs(v)[:, :, None]).sum(-2), posinf=0)
    return result, (2 * off + (k.shape[2] + 32) * 2.0**-24) * magnitude, magnitude


def causal(queries, keys):
    return np.where(np.arange(keys) <= keys - queries + np.arange(queries)[:, None], 0, -np.inf)


def inputs(rng, dtype, batch, heads, kv_heads, queries, keys, dim, value_dim):
    """NaN in one query, infinity in one value of a key that nothing masks."""
    q = operand(rng, (batch, heads, queries, dim), dtype, {(0, 1, 0, 3): np.nan})
    k = operand(rng, (batch, kv_heads, keys, dim), dtype)
    v = operand(rng, (batch, kv_heads, keys, value_dim), dtype, {(0, 0, 0, 5): np.inf})
    return q, k, v


def masks(rng, kind, dtype, queries, keys):
    """(bool mask, mask of the type, what it adds)."""
    allowed = rng.random((queries, keys)) < 0.7
    allowed[:, 0] = True
    soft, values = operand(rng, (queries, keys), dtype)
    if kind == "bool":
        return allowed, soft, np.where(allowed, 0, -np.inf)
    values = np.where(allowed, values, -np.inf)
    return allowed, encode(values.astype(np.float32), dtype), values


# (dimension, that of values), queries, keys, mask, sinks
VECTOR_USES = [((64, 64), 1, 37, None, False), ((64, 64), 3, 64, "causal", True),
               ((64, 64), 2, 5, "bool", False), ((96, 96), 2, 45, "float", False),
               ((96, 96), 1, 32, None, True), ((96, 96), 1, 9, "bool", False),
               ((128, 128), 2, 33, "causal", False), ((128, 128), 1, 64, "float", True),
               ((128, 128), 1, 7, None, False), ((192, 128), 1, 40, None, False),
               ((192, 192), 1, 33, "bool", False), ((256, 256), 1, 35, None, True)]


def vector_arguments(first, rng, kind, sinks, dtype, queries, keys):
    allowed, soft, added = masks(rng, kind, dtype, queries, keys)
    constants = {
        20: kind in ("bool", "float"), 22: kind == "causal", 23: kind == "bool",
        24: kind == "float", 25: sinks
    }
    given = {first: allowed, first + 1: Buffer(soft), first + 2: 1, first + 3: keys, first + 4: 0}
    return constants, given, causal(queries,
                                    keys) if kind == "causal" else None if kind is None else added


@covers("sdpa_vector.h")
def vector(run):
    rng = np.random.default_rng(1)
    for dtype in TYPES:
        type = METAL[dtype]
        dims = list(dict.fromkeys(each[0] for each in VECTOR_USES))
        instances = {f"one{d}_{v}": f"sdpa_vector<{type}, {d}, {v}>" for d, v in dims}
        instances |= {f"two{d}_{v}": f"sdpa_vector_2pass_1<{type}, {d}, {v}>" for d, v in dims}
        instances |= {
            f"end{v}": f"sdpa_vector_2pass_2<{type}, {v}>"
            for v in dict.fromkeys(v for _, v in dims)
        }
        library = run.library(instances)
        for at, ((dim, value_dim), queries, keys, kind, with_sinks) in enumerate(VECTOR_USES):
            batch, heads, kv_heads = (1, 4, 2) if at % 2 else (2, 2, 1)
            (q, qv), (k, kv), (v, vv) = inputs(rng, dtype, batch, heads, kv_heads, queries, keys,
                                               dim, value_dim)
            s, sv = operand(rng, (heads, ), dtype)
            turned = at % 3 == 0 and batch == 1
            if turned:
                q = np.ascontiguousarray(q.transpose(0, 2, 1, 3))
            scale, shape = dim**-0.5, [batch, heads, kv_heads, queries, keys, dim, value_dim]
            name = f"<{dim}, {value_dim}>"
            constants, given, added = vector_arguments(11, rng, kind, with_sinks, dtype, queries,
                                                       keys)
            constants[21] = turned
            expected, allowed, magnitude = attention(qv, kv, vv, scale, added,
                                                     sv if with_sinks else None)
            steps = [keys * dim, dim, keys * value_dim, value_dim]
            out = np.zeros((batch, heads, queries, value_dim), storage(dtype))
            library.kernel(f"one{dim}_{value_dim}", constants | {26: 32})(buffers={
                0: Buffer(q), 1: Buffer(k), 2: Buffer(v), 3: Buffer(out), 4: heads // kv_heads,
                5: keys, **dict(zip(range(6, 10), steps)), 10: scale, **given, 16: Buffer(s),
                17: heads
            }, threadgroups=(batch * heads, queries, 1), threadgroup=(1024, 1, 1))
            run.check("sdpa_vector", dtype, shape, decode(out, dtype), expected,
                      rtol=0.51 * EPSILON[dtype], atol=allowed + 2.0**-24, oracle="NumPy in double")
            blocks = 32
            partial, sums, tops = np.zeros((batch, heads, queries, blocks, value_dim),
                                           storage(dtype)), *np.zeros(
                                               (2, batch, heads, queries, blocks), np.float32)
            moved = {index + 2: value for index, value in given.items()}
            library.kernel(f"two{dim}_{value_dim}", constants | {26: blocks})(buffers={
                0: Buffer(q), 1: Buffer(k), 2: Buffer(v), 3: Buffer(partial), 4: sums, 5: tops,
                7: keys, **dict(zip(range(8, 12), steps)), 12: scale, **moved, 18: Buffer(s)
            }, threadgroups=(kv_heads, batch, blocks), threadgroup=(32, heads // kv_heads, queries))
            library.kernel(f"end{value_dim}")(Buffer(partial), sums, tops, Buffer(out), blocks,
                                              threadgroups=(batch * heads, queries, 1),
                                              threadgroup=(1024, 1, 1))
            # Partial sums are stored in the type.
            run.check("sdpa_vector_2pass_1, sdpa_vector_2pass_2", dtype, shape, decode(out, dtype), expected,
                      rtol=0.51 * EPSILON[dtype],
                      atol=allowed + 0.51 * EPSILON[dtype] * magnitude + 2.0**-24,
                      oracle="NumPy in double")


@covers("sdpa_vector.h")
def vector_groups(run):
    rng = np.random.default_rng(2)
    for dtype in TYPES:
        library = run.library(
            {
                f"k{d}": f"sdpa_vector_2pass_1_gqa<{METAL[dtype]}, {d}, {d}, 8, {heads}>"
                for d, heads in ((64, 8), (128, 4))
            }
            | {f"end{d}": f"sdpa_vector_2pass_2<{METAL[dtype]}, {d}>"
               for d in (64, 128)})
        for dim, keys, kv_heads in ((64, 130, 2), (128, 96, 1), (64, 33, 1), (128, 201, 1)):
            blocks, heads = 32, 8 * kv_heads
            (q, qv), (k, kv), (v, vv) = inputs(rng, dtype, 1, heads, kv_heads, 1, keys, dim, dim)
            partial, sums, tops = np.zeros((heads, blocks, dim), storage(dtype)), *np.zeros(
                (2, heads, blocks), np.float32)
            constants = {
                20: False, 21: False, 22: False, 23: False, 24: False, 25: False, 26: blocks
            }
            library.kernel(f"k{dim}",
                           constants)(Buffer(q), Buffer(k), Buffer(v), Buffer(partial), sums, tops,
                                      keys, keys * dim, dim, keys * dim, dim, dim**-0.5,
                                      threadgroups=(kv_heads, 1, blocks), threadgroup=(32, 8, 1))
            out = np.zeros((1, heads, 1, dim), storage(dtype))
            library.kernel(f"end{dim}")(Buffer(partial), sums, tops, Buffer(out), blocks,
                                        threadgroups=(heads, 1, 1), threadgroup=(1024, 1, 1))
            expected, allowed, magnitude = attention(qv, kv, vv, dim**-0.5)
            run.check("sdpa_vector_2pass_1_gqa, sdpa_vector_2pass_2", dtype, [heads, kv_heads, keys, dim],
                      decode(out, dtype), expected, rtol=0.51 * EPSILON[dtype],
                      atol=allowed + 0.51 * EPSILON[dtype] * magnitude + 2.0**-24,
                      oracle="NumPy in double")


@covers("sdpa_blocked.h")
def blocked(run):
    rng = np.random.default_rng(3)
    lowest = {
        "float32": np.finfo(np.float32).min, "float16": -65504.0,
        "bfloat16": decode(np.array([0xff7f], np.uint16), "bfloat16")[0]
    }
    for dtype in TYPES:
        library = run.library({
            "scale": f"sdpa_blocked_scale_copy<{METAL[dtype]}>",
            "mask": f"sdpa_blocked_causal_mask<{METAL[dtype]}>"
        })
        for batch, heads, length, dim, offset, rows in ((2, 3, 9, 5, 2, 4), (1, 1, 64, 64, 0, 64),
                                                        (2, 2, 33, 80, 32, 1)):
            q, values = operand(rng, (batch, heads, length, dim), dtype,
                                {(0, 0, offset, 1): np.nan, (0, 0, offset, 2): -np.inf})
            made = np.zeros((batch * heads, rows, dim), storage(dtype))
            library.kernel("scale")(Buffer(q), Buffer(made), 0.3,
                                    np.array([heads * length * dim, length * dim, dim], np.int64),
                                    heads, rows, dim, offset, grid=(dim, rows, batch * heads))
            scale = float(decode(encode(np.array([0.3], np.float32), dtype), dtype)[0])
            expected = values[:, :, offset:offset + rows].reshape(made.shape) * scale
            run.check("sdpa_blocked_scale_copy", dtype, [batch, heads, length, dim],
                      decode(made, dtype), expected, rtol=0.51 * EPSILON[dtype], atol=2.0**-25,
                      oracle="NumPy in double")
        for tile, columns, tiles in ((4, 9, 3), (16, 16, 2), (1, 33, 5)):
            scores, values = operand(rng, (tiles * tile, columns), dtype, {(0, columns - 1): np.nan,
                                                                           (0, 0): np.inf})
            library.kernel("mask")(Buffer(scores), tile, columns, grid=(tile, tiles * tile))
            row, column = np.arange(
                tiles * tile)[:, None] % tile, np.arange(columns) - (columns - tile)
            run.check("sdpa_blocked_causal_mask", dtype, [tiles * tile, columns],
                      decode(scores, dtype),
                      np.where(column > row, lowest[dtype], values).astype(np.float32),
                      oracle="NumPy")


@covers("steel/attn/kernels/steel_attention.h")
def steel(run):
    rng = np.random.default_rng(4)
    uses = [(64, 37, 45, None, False), (64, 32, 64, "causal", True), (80, 9, 33, "bool", False),
            (72, 40, 40, "causal", False),
            (96, 5, 70, "float", True), (128, 33, 37, "causal", True), (192, 7, 16, "float", False),
            (256, 3, 19, "bool", False)]
    for dtype in TYPES:
        # With more than 128 dimensions float takes more threadgroup memory than there is.
        fitting = [use for use in uses if use[0] <= 128 or dtype != "float32"]
        blocks = {dim: (32, 32 if dim < 128 else 16) for dim, *_ in fitting}
        library = run.library({
            f"k{dim}{kind}": f"attention<{METAL[dtype]}, 32, {block[1]}, {dim}, {dim}, 4, 1, "
                             f"{mask}, float>"
            for dim, block in blocks.items()
            for kind, mask in (("bool", "bool"), ("", METAL[dtype]))
        })
        for at, (dim, queries, keys, kind, with_sinks) in enumerate(fitting):
            batch, heads, kv_heads = (1, 2, 1) if at % 2 else (2, 2, 2)
            (q, qv), (k, kv), (v, vv) = inputs(rng, dtype, batch, heads, kv_heads, queries, keys,
                                               dim, dim)
            s, sv = operand(rng, (heads, ), dtype)
            allowed, soft, added = masks(rng, kind, dtype, queries, keys)
            added = causal(queries, keys) if kind == "causal" else added if kind else None
            bq, bk = blocks[dim]
            whole = queries // bq, keys // bk
            params = {
                "B": batch, "H": heads, "D": dim, "qL": queries, "kL": keys,
                "gqa_factor": heads // kv_heads, "scale": dim**-0.5, "NQ": -(-queries // bq),
                "NK": -(-keys // bk), "NQ_aligned": whole[0], "NK_aligned": whole[1],
                "qL_rem": queries - whole[0] * bq, "kL_rem": keys - whole[1] * bk,
                "qL_off": keys - queries, "Q_strides": [heads * queries * dim, queries * dim, dim],
                "K_strides": [kv_heads * keys * dim, keys * dim,
                              dim], "V_strides": [kv_heads * keys * dim, keys * dim, dim],
                "O_strides": [heads * queries * dim, queries * dim, dim]
            }
            out, lse = np.zeros((batch, heads, queries, dim), storage(dtype)), np.zeros(
                (batch, heads, queries), np.float32)
            constants = {
                200: queries % bq == 0, 201: keys % bk == 0, 300: kind in ("bool", "float"),
                301: kind == "causal", 302: with_sinks, 303: True
            }
            library.kernel(f"k{dim}{'bool' if kind == 'bool' else ''}",
                           constants)(Buffer(q), Buffer(k), Buffer(v), Buffer(out), params,
                                      {"M_strides": [0, 0, keys]},
                                      Buffer(allowed if kind == "bool" else soft), Buffer(s), lse,
                                      threadgroups=(params["NQ"], heads, batch),
                                      threadgroup=(32, 4, 1))
            expected, off, _ = attention(qv, kv, vv, dim**-0.5, added, sv if with_sinks else None)
            run.check("attention", dtype, [batch, heads, kv_heads, queries, keys, dim],
                      decode(out, dtype), expected, rtol=0.51 * EPSILON[dtype], atol=off + 2.0**-24,
                      oracle="NumPy in double")
