"""Rows of ./dev bench kernels: the mixer of M2-BERT."""

import numpy as np
from rows import Row, evaluated, given

D, ORDER, EMBEDDING = 768, 128, 5


def layers(random, name, width, order, embedding):
    made = {}
    inputs = embedding
    for at in (0, 2, 4):
        made |= {f"{name}.{at}.weight": random.standard_normal((order, inputs)) / np.sqrt(inputs), f"{name}.{at}.bias": random.standard_normal(order),
                 f"{name}.{at + 1}.freq": np.ones((1, order))}
        inputs = order
    return made | {f"{name}.6.weight": random.standard_normal((width, order)) / np.sqrt(order)}


def weights(random, sizes, dtype):
    width, length, order = sizes["width"], sizes["length"], sizes["order"]
    z = random.standard_normal((1, length, EMBEDDING))
    made = {"in_linear.weight": random.standard_normal((3 * width, width)) / np.sqrt(width), "in_linear.bias": random.standard_normal(3 * width),
            "short_filter.weight": random.standard_normal((3 * width, 1, 3)), "short_filter.bias": random.standard_normal(3 * width),
            "out_linear.weight": random.standard_normal((width, width)) / np.sqrt(width), "out_linear.bias": random.standard_normal(width)}
    for name in ("filter_fn", "filter_fn2"):
        made |= {name + ".bias": random.standard_normal(width), name + ".pos_emb.z": z, name + ".pos_emb.t": np.linspace(0, 1, length)[None, :, None],
                 name + ".modulation.deltas": np.linspace(-3, -15, width)[None, None]}
        made |= layers(random, name + ".implicit_filter", width, order, EMBEDDING) | layers(random, name + ".implicit_filter_rev", width, order, EMBEDDING)
    return {"u": random.standard_normal((sizes["batch"], length, width), dtype=np.float32)} | {name: each.astype(np.float32) for name, each in made.items()}


def mixed(w, xp, to=lambda x: x):
    """In NumPy's words, which are nearly MLX's too."""
    u = w["u"]
    length = u.shape[1]

    def run(name):
        z, t = w[name + ".pos_emb.z"][0], w[name + ".pos_emb.t"][0]
        parts = []
        for each in ("implicit_filter", "implicit_filter_rev"):
            h = z
            for at in (0, 2, 4):
                h = xp.sin(w[f"{name}.{each}.{at + 1}.freq"] * (h @ w[f"{name}.{each}.{at}.weight"].T + w[f"{name}.{each}.{at}.bias"]))
            parts.append(((h @ w[f"{name}.{each}.6.weight"].T) * xp.exp(-t * xp.abs(w[name + ".modulation.deltas"][0]))).T)
        return xp.concatenate([parts[0], parts[1][:, ::-1]], 1)

    def long(x, name):
        y = xp.fft.irfft(xp.fft.rfft(x, 2 * length, -1) * xp.fft.rfft(run(name), 2 * length, -1), 2 * length, -1)[..., :length]
        return y + w[name + ".bias"][:, None] * x
    x = (u @ w["in_linear.weight"].T + w["in_linear.bias"]).transpose(0, 2, 1)
    taps = w["short_filter.weight"][:, 0]
    padded = xp.pad(x, ((0, 0), (0, 0), (2, 0)))
    x = sum(taps[:, j, None] * padded[:, :, j:j + length] for j in range(3)) + w["short_filter.bias"][:, None]
    x1, x2, v = x[:, :u.shape[2]], x[:, u.shape[2]:2 * u.shape[2]], x[:, 2 * u.shape[2]:]
    y = long(v * x1, "filter_fn") * x2 + long(u.transpose(0, 2, 1), "filter_fn2")
    return y.transpose(0, 2, 1) @ w["out_linear.weight"].T + w["out_linear.bias"]


ROWS = [Row(f"monarch_mixer_{length}", "monarch_mixer", f"M2-BERT's mixer, 2x{length}x768", {"batch": 2, "length": length, "width": D, "order": ORDER},
            {"batch": 2, "length": 20, "width": 12, "order": 8}, weights,
            lambda data, sizes, dtype: mixed({name: each.astype(np.float64) for name, each in data.items()}, np), 1e-4,
            goals={"mlx": 1.0}) for length in (64, 1024)]


def anymetal(row, sizes, data):
    from anymetal import kernels

    u = given(data["u"])
    arrays = {name: given(each) for name, each in data.items() if name != "u"}
    return evaluated(lambda: kernels.monarch_mixer(u, arrays))


def mlx(row, sizes, data):
    import mlx.core as mx

    arrays = {name: given(each) for name, each in data.items()}
    return evaluated(lambda: mixed(arrays, mx))


def numpy(row, sizes, data):
    last = [None]

    def call():
        last[0] = mixed(data, np)
    return call, lambda: last[0]
