"""The gated delta rule: each step decays the state and corrects what it holds for the step's key;
and its gradient."""

import numpy as np

from anymetal import Buffer
from framework import METAL, covers, decode, storage
from matrices import EPSILON, operand

TYPES = ["float32", "float16", "bfloat16"]
DIMS = (64, 8, 2, 4)  # of keys, of values, heads of keys, heads of values


def inputs(rng, dtype, batch, steps, special=False):
    """Keys of length about one, decays in (0.5, 1), rates in (0, 1): the state stays small."""
    dk, dv, hk, hv = DIMS
    made = [operand(rng, (batch, steps, hk, dk), "float32")[1] / np.sqrt(dk) for _ in range(2)]
    made += [
        operand(rng, (batch, steps, hv, dv), "float32")[1],
        rng.uniform(0.5, 1, (batch, steps, hv)),
        rng.uniform(0, 1, (batch, steps, hv))
    ]
    if special:
        made[0][0, steps - 1, 0, 0] = np.nan
        made[2][batch - 1, steps - 1, hv - 1, 0] = np.inf
    from framework import encode
    bytes = [encode(each.astype(np.float32), dtype) for each in made]
    return bytes, [decode(each, dtype).astype(np.float64) for each in bytes]


def forward(q, k, v, g, beta, state):
    """Outputs, the last state and the state before each step, in double."""
    repeat = v.shape[2] // q.shape[2]
    q, k = np.repeat(q, repeat, 2), np.repeat(k, repeat, 2)
    outputs, before = np.zeros(v.shape), []
    with np.errstate(invalid="ignore"):
        for t in range(q.shape[1]):
            before.append(state)
            state = state * g[:, t, :, None, None]
            delta = (v[:, t] - (state * k[:, t, :, None]).sum(-1)) * beta[:, t, :, None]
            state = state + delta[..., None] * k[:, t, :, None]
            outputs[:, t] = (state * q[:, t, :, None]).sum(-1)
    return outputs, state, before


def backward(q, k, v, g, beta, state, co, ch):
    """Gradients of sum(outputs * co) + sum(last state * ch), by hand, in double."""
    repeat = v.shape[2] // q.shape[2]
    before = forward(q, k, v, g, beta, state)[2]
    wide_q, wide_k = np.repeat(q, repeat, 2), np.repeat(k, repeat, 2)
    dq, dk, dv, dg, db = np.zeros(wide_q.shape), np.zeros(wide_k.shape), np.zeros(
        v.shape), np.zeros(g.shape), np.zeros(beta.shape)
    hat = ch
    for t in reversed(range(q.shape[1])):
        kt, qt, gt, bt = wide_k[:, t], wide_q[:, t], g[:, t, :, None, None], beta[:, t, :, None]
        decayed = before[t] * gt
        error = v[:, t] - (decayed * kt[:, :, None]).sum(-1)
        after = decayed + (bt * error)[..., None] * kt[:, :, None]
        dq[:, t] = (co[:, t][..., None] * after).sum(2)
        hat = hat + co[:, t][..., None] * qt[:, :, None]
        w = (hat * kt[:, :, None]).sum(-1)
        dv[:, t], db[:, t] = bt * w, (w * error).sum(-1)
        dk[:, t] = ((bt * error)[..., None] * hat - (bt * w)[..., None] * decayed).sum(2)
        hat = hat - (bt * w)[..., None] * kt[:, :, None]
        dg[:, t] = (hat * before[t]).sum((-1, -2))
        hat = hat * gt
    shape = (*q.shape[:3], repeat, q.shape[3])
    return dq.reshape(shape).sum(3), dk.reshape(shape).sum(3), dv, dg, db, hat


def delta_run(run, dtype, kernel, special, chunk, batch, steps, rng):
    dk, dv, hk, hv = DIMS
    bytes, values = inputs(rng, dtype, batch, steps, special)
    state, state_values = operand(rng, (batch, hv, dv, dk), "float32")
    y, out = np.zeros((batch, steps, hv, dv), storage(dtype)), np.zeros_like(state)
    kept = -(-steps // 4)
    cache = np.zeros((batch * hv, kept, dv, dk), np.float32)
    q, k, v, g, beta = map(Buffer, bytes)
    given = {0: q, 1: k, 2: v, 3: state, 4: g, 5: beta, 6: Buffer(y), 7: out, 8: steps}
    if not chunk:
        given[9] = cache
    kernel(
        buffers=given,
        threadgroups=(1, max(1, (dv // 8 if chunk else dv) // 4), batch * hv) if not chunk else
        (1, dv // 8, batch * hv), threadgroup=(32, 1 if chunk else 4, 1))
    expected, last, before = forward(*values, state_values)
    name, shape = "gated_delta_fused_chunk" if chunk else "gated_delta_seq", [batch, steps, *DIMS]
    # Each step adds a sum of dk products to a state of a few units; in chunks there is an inverse
    # of 8 by 8 and fast exp and log.
    rounding = (dk + 16) * (steps + 4) * 2.0**-24 * (4 if chunk else 1) / 4
    run.check(name, dtype, shape, decode(y, dtype), expected, rtol=0.51 * EPSILON[dtype],
              atol=4 * rounding, oracle="NumPy in double")
    run.check(name, dtype, shape, out, last, atol=4 * rounding, oracle="NumPy in double")
    if not chunk:
        wanted = np.stack(before[::4], 2).reshape(cache.shape)
        run.check(name, dtype, shape, cache, wanted, atol=4 * rounding, oracle="NumPy in double")


@covers("gated_delta_update.h")
def gated_delta(run):
    rng = np.random.default_rng(1)
    for dtype in TYPES:
        heads = ", ".join(map(str, DIMS))
        library = run.library({
            "chunk": f"gated_delta_fused_chunk<{METAL[dtype]}, {heads}, 8>",
            "seq": f"gated_delta_seq<{METAL[dtype]}, {heads}, 4>"
        })
        for batch, steps in ((1, 16), (2, 13), (1, 3)):
            delta_run(run, dtype, library.kernel("seq", {200: True}), True, False, batch, steps,
                      rng)
            delta_run(run, dtype, library.kernel("chunk", {200: False}), False, True, batch, steps,
                      rng)


@covers("gated_delta_update_vjp.h")
def gated_delta_vjp(run):
    rng = np.random.default_rng(2)
    dk, dv, hk, hv = DIMS
    for dtype in TYPES:
        kernel = run.library({
            "k": f"gated_delta_vjp_seq<{METAL[dtype]}, {', '.join(map(str, DIMS))}, 4>"
        }).kernel("k")
        for batch, steps in ((1, 16), (2, 7), (1, 3)):
            bytes, values = inputs(rng, dtype, batch, steps)
            state_values = operand(rng, (batch, hv, dv, dk), "float32")[1]
            co, co_values = operand(rng, (batch, steps, hv, dv), dtype)
            ch, ch_values = operand(rng, (batch, hv, dv, dk), "float32")
            before = np.stack(forward(*values, state_values)[2][::4],
                              2).reshape(batch * hv, -1, dv, dk).astype(np.float32)
            made = [
                np.zeros(shape, np.float32)
                for shape in ((batch, steps, hk, dk), (batch, steps, hk, dk),
                              (batch, steps, hv, dv), (batch, steps, hv), (batch, steps,
                                                                           hv), (batch, hv, dv, dk))
            ]
            kernel(
                buffers={
                    **{at: Buffer(each)
                       for at, each in enumerate([*bytes, co, ch, before])}, 8: steps,
                    **{9 + at: Buffer(each)
                       for at, each in enumerate(made)}
                }, threadgroups=(1, dv // 4, batch * hv), threadgroup=(32, 4, 1))
            for got, wanted in zip(made, backward(*values, state_values, co_values, ch_values)):
                run.check("gated_delta_vjp_seq", dtype, [batch, steps, *DIMS], got, wanted,
                          oracle="NumPy in double",
                          atol=(dk + 16) * (steps + 4) * 2.0**-24 * max(1,
                                                                        np.abs(wanted).max()))
