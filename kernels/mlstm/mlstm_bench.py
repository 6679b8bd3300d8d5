"""Rows of ./dev bench kernels: the mLSTM. The step reads and writes C, so memory limits it."""

import numpy as np
from rows import Row, evaluated, given

NAMES = ["q", "k", "v", "o", "log_i", "log_f"]


def inputs(random, shape, width):
    made = {name: random.standard_normal((*shape, width), dtype=np.float32) for name in "qkvo"}
    made["log_i"] = random.standard_normal(shape, dtype=np.float32)
    made["log_f"] = -np.log1p(np.exp(-3 - random.standard_normal(shape, dtype=np.float32)))
    return made


def a_step(random, sizes, dtype):
    heads, d = sizes["heads"], sizes["d"]
    return inputs(random, (heads,), d) | {"c": random.standard_normal((heads, d, d), dtype=np.float32), "n": 4 + random.random((heads, d), dtype=np.float32),
                                          "m": np.zeros(heads, np.float32)}


def stepped(q, k, v, o, log_i, log_f, c, n, m):
    scaled = k / np.sqrt(k.shape[-1]).astype(k.dtype)
    after = np.maximum(log_f + m, log_i)
    f, i = np.exp(log_f + m - after), np.exp(log_i - after)
    c = f[:, None, None] * c + (i[:, None] * v)[:, :, None] * scaled[:, None, :]
    n = f[:, None] * n + i[:, None] * scaled
    divisor = np.maximum(np.abs((n * q).sum(-1)), np.exp(-after))
    return o * np.einsum("hed,hd->he", c, q) / divisor[:, None], c, n, after


def after_step(data, sizes, dtype):
    return stepped(*[data[name].astype(np.float64) for name in [*NAMES, "c", "n", "m"]])[1]


def after_sequence(data, sizes, dtype):
    q = data["q"].astype(np.float64)
    heads, steps, d = q.shape
    state = np.zeros((heads, d, d)), np.zeros((heads, d)), np.zeros(heads)
    for t in range(steps):
        _, *state = stepped(*[data[name][:, t].astype(np.float64) for name in NAMES], *state)
    return state[0]


ROWS = [Row("mlstm_step", "mlstm", "mLSTM step, 16 heads of 512x512", {"heads": 16, "d": 512}, {"heads": 2, "d": 24}, a_step, after_step, 1e-6,
            traffic=lambda sizes, width: 8 * sizes["heads"] * sizes["d"]**2, goals={"cpp": 1.0, "mlx": 1.0}, limit="copy"),
        Row("mlstm_step_small", "mlstm", "mLSTM step, 16 heads of 64x64", {"heads": 16, "d": 64}, {"heads": 2, "d": 24}, a_step, after_step, 1e-6,
            traffic=lambda sizes, width: 8 * sizes["heads"] * sizes["d"]**2, goals={"cpp": 1.0, "mlx": 1.0}, limit="copy"),
        Row("mlstm_sequence", "mlstm", "mLSTM in chunks, 8 heads of 128x128, 1024 steps", {"heads": 8, "d": 128, "steps": 1024}, {"heads": 2, "d": 8, "steps": 70},
            lambda random, sizes, dtype: inputs(random, (sizes["heads"], sizes["steps"]), sizes["d"]), after_sequence, 2e-5,
            work=lambda sizes: sizes["heads"] * sizes["steps"] * (4 * 64 * sizes["d"] + 4 * sizes["d"]**2), goals={"cpp": 1.0, "mlx": 1.0}, limit="multiply_add")]


def anymetal(row, sizes, data):
    from anymetal import kernels

    arrays = {name: given(each) for name, each in data.items()}
    if row.name == "mlstm_sequence":
        return evaluated(lambda: kernels.mlstm_sequence(*[arrays[name] for name in NAMES]), lambda r: np.array(r[1][0]))
    state = arrays["c"], arrays["n"], arrays["m"]
    return evaluated(lambda: kernels.mlstm_step(*[arrays[name] for name in NAMES], state), lambda r: np.array(r[1][0]))


def mlx_step(q, k, v, o, log_i, log_f, c, n, m):
    import mlx.core as mx

    scaled = k * k.shape[-1]**-0.5
    after = mx.maximum(log_f + m, log_i)
    f, i = mx.exp(log_f + m - after), mx.exp(log_i - after)
    c = f[:, None, None] * c + (i[:, None] * v)[:, :, None] * scaled[:, None, :]
    n = f[:, None] * n + i[:, None] * scaled
    divisor = mx.maximum(mx.abs((n * q).sum(-1)), mx.exp(-after))
    return o * (c @ q[:, :, None])[:, :, 0] / divisor[:, None], c, n, after


def mlx(row, sizes, data):
    import mlx.core as mx

    arrays = {name: given(each) for name, each in data.items()}
    if row.name != "mlstm_sequence":
        return evaluated(lambda: mlx_step(*[arrays[name] for name in [*NAMES, "c", "n", "m"]]), lambda r: np.array(r[1]))
    heads, steps, d = data["q"].shape

    def steps_of():
        state = mx.zeros((heads, d, d)), mx.zeros((heads, d)), mx.zeros(heads)
        outputs = []
        for t in range(steps):
            h, *state = mlx_step(*[arrays[name][:, t] for name in NAMES], *state)
            outputs.append(h)
        return [mx.stack(outputs, 1), *state]
    return evaluated(steps_of, lambda r: np.array(r[1]))


def cpp(row, sizes, data):
    import native
    import native_code

    if row.name == "mlstm_sequence":
        heads, steps, d = data["q"].shape
        c, h = np.empty((heads, d, d), np.float32), np.empty_like(data["v"])
        return native_code.caller(native.library("mlstm").mlstm_sequence, *[data[name] for name in NAMES], c, h, heads, steps, d), lambda: c
    out = [np.empty_like(data[name]) for name in ("c", "n", "m", "v")]
    return native_code.caller(native.library("mlstm").mlstm_step, *[data[name] for name in [*NAMES, "c", "n", "m"]], *out, sizes["heads"], sizes["d"]), lambda: out[0]
