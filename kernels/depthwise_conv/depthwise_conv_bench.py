"""Rows of ./dev bench kernels: the depthwise convolution."""

import numpy as np
from rows import Row, evaluated, given


def images(random, sizes, dtype):
    return {"x": random.standard_normal((sizes["batch"], sizes["channels"], sizes["length"]), dtype=np.float32),
            "w": random.standard_normal((sizes["channels"], sizes["taps"]), dtype=np.float32)}


def convolved(data, sizes, dtype):
    x, w, taps = data["x"], data["w"][None, :, :, None], sizes["taps"]
    left, length = (taps - 1) // 2, x.shape[2]
    padded = np.pad(x, ((0, 0), (0, 0), (left, taps - 1 - left)))
    result = w[:, :, 0] * padded[:, :, :length]
    for j in range(1, taps):
        result += w[:, :, j] * padded[:, :, j:j + length]
    return result


def row(name, what, batch, channels, length, taps, goals):
    return Row(name, "depthwise_conv", what, {"batch": batch, "channels": channels, "length": length, "taps": taps},
               {"batch": 2, "channels": 3, "length": 50, "taps": taps}, images, convolved, 1e-6,
               traffic=lambda sizes, width: 8 * sizes["batch"] * sizes["channels"] * sizes["length"], goals=goals, limit="copy")


ROWS = [row("depthwise_conv_3", "depthwise convolution, 3 taps, 8x768x4096", 8, 768, 4096, 3, {"limit": 0.8, "mlx": 1.0}),
        row("depthwise_conv_7", "depthwise convolution, 7 taps, 8x768x4096", 8, 768, 4096, 7, {"limit": 0.8, "mlx": 1.0}),
        row("depthwise_conv_short", "depthwise convolution, 3 taps, 64x2304x64", 64, 2304, 64, 3, {"limit": 0.8, "mlx": 1.0})]


def anymetal(row, sizes, data):
    from anymetal import kernels

    x, w = given(data["x"]), given(data["w"])
    return evaluated(lambda: kernels.depthwise_conv(x, w))


def mlx(row, sizes, data):
    """Of MLX's own layout, channels last, without the way there and back."""
    import mlx.core as mx

    x, w, taps = given(np.ascontiguousarray(data["x"].transpose(0, 2, 1))), given(data["w"][:, :, None]), sizes["taps"]
    return evaluated(lambda: mx.conv1d(x, w, padding=(taps - 1) // 2, groups=sizes["channels"]), lambda y: np.array(y).transpose(0, 2, 1))


def numpy(row, sizes, data):
    last = [None]

    def call():
        last[0] = convolved(data, sizes, "float")
    return call, lambda: last[0]


def cpp(row, sizes, data):
    import native
    import native_code

    y = np.empty_like(data["x"])
    return native_code.caller(native.library("depthwise_conv").depthwise_conv, data["x"], data["w"], y, sizes["batch"] * sizes["channels"], sizes["channels"],
                              sizes["length"], sizes["taps"]), lambda: y
