"""MLX's own operations on its CPU device. Each call makes a new array, as MLX does; the old one goes first."""

import importlib.metadata
import time

import mlx.core as mx
import numpy as np

import rows

TYPES = {"float": mx.float32, "half": mx.float16, "bfloat": mx.bfloat16}


def given(array, dtype="float"):
    made = mx.array(array)
    made = made.view(mx.bfloat16) if dtype == "bfloat" and array.dtype == np.uint16 else made
    mx.eval(made)
    return made


class Peer:
    def __init__(self, variant):
        mx.set_default_device(mx.cpu)
        self.version = f"MLX {importlib.metadata.version('mlx')}, CPU"

    def of(self, function, row=None):
        result = [None]

        def call():
            result[0] = None
            result[0] = function()
            mx.eval(result[0])

        def values():
            made = result[0]
            return np.array(made.view(mx.uint16) if made.dtype == mx.bfloat16 else made)
        return call, values

    def exp(self, row, sizes, data):
        x = given(data["x"])
        return self.of(lambda: mx.exp(x))

    def saxpy(self, row, sizes, data):
        x, y = given(data["x"]), given(data["y"])
        return self.of(lambda: rows.SCALE * x + y)

    def copy(self, row, sizes, data):
        x = given(data["x"])
        return self.of(lambda: x + 0)

    def cast(self, row, sizes, data):
        x = given(data["x"])
        return self.of(lambda: x.astype(mx.float16))

    def strided_copy(self, row, sizes, data):
        x = given(data["x"])
        return self.of(lambda: mx.contiguous(x[::2]))

    def softmax(self, row, sizes, data):
        x = given(data["x"], row.dtype)
        return self.of(lambda: mx.softmax(x, axis=-1, precise=True))

    def rms_norm(self, row, sizes, data):
        x, w = given(data["x"], row.dtype), given(data["w"], row.dtype)
        return self.of(lambda: mx.fast.rms_norm(x, w, rows.EPSILON))

    def qtv(self, row, sizes, data):
        q, v = given(data["q"]), given(data["v"])
        return self.of(lambda: v @ q)

    qtv_32x8 = qtv

    def rank1(self, row, sizes, data):
        q, v, c = (given(data[name]) for name in "qvc")
        return self.of(lambda: q - v[:, None] * c)

    def gemm(self, row, sizes, data):
        a, b = (given(data[name], row.dtype) for name in "ab")
        return self.of(lambda: a @ b)

    steel_gemm = gemm

    def depthwise(self, row, sizes, data):
        x = given(np.ascontiguousarray(data["x"].transpose(0, 2, 1)))  # the order of axes that MLX wants, once
        w = given(data["w"][:, :, None])
        call, result = self.of(lambda: mx.conv1d(x, w, padding=1, groups=sizes["channels"]))
        return call, lambda: result().transpose(0, 2, 1)

    def sdpa(self, row, sizes, data):
        q, k, v = (given(data[name][None]) for name in "qkv")
        call, result = self.of(lambda: mx.fast.scaled_dot_product_attention(q, k, v, scale=sizes["dim"]**-0.5))
        return call, lambda: result()[0]

    def quantized_gemv(self, row, sizes, data):
        w, s, b, x = (given(data[name]) for name in ("w", "scales", "biases", "x"))
        return self.of(lambda: mx.quantized_matmul(x, w, s, b, transpose=True, group_size=64, bits=4))

    def sort(self, row, sizes, data):
        x = given(data["x"])
        return self.of(lambda: mx.sort(x, axis=1))

    def scan(self, row, sizes, data):
        x = given(data["x"])
        return self.of(lambda: mx.cumsum(x, axis=1))

    def launch_python(self, row, sizes, data):
        z = given(np.zeros(32, np.float32))

        def call():
            start = time.perf_counter()
            for _ in range(500):
                mx.eval(mx.abs(z))
            return (time.perf_counter() - start) / 500
        return call, None
