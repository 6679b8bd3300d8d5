"""NumPy, with its results in arrays that exist; and, as the variant "openblas", the OpenBLAS that its wheel brings, where a row is one call of it."""

import numpy as np

import rows

BLAS = {"qtv", "qtv_32x8", "gemm", "steel_gemm"}


class Peer:
    def __init__(self, variant):
        self.blas = variant == "openblas"
        self.version = f"NumPy {np.__version__}"
        if self.blas:
            blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
            self.version = f"{blas['name']} {blas['version']}, of NumPy {np.__version__}"

    def __getattribute__(self, name):
        if name in rows.FAMILIES and (name in BLAS) != self.blas:
            raise AttributeError(name)
        return object.__getattribute__(self, name)

    def exp(self, row, sizes, data):
        y = np.empty_like(data["x"])
        return lambda: np.exp(data["x"], out=y), lambda: y

    def saxpy(self, row, sizes, data):
        z, a = np.empty_like(data["x"]), np.float32(rows.SCALE)

        def call():
            np.multiply(data["x"], a, out=z)
            np.add(z, data["y"], out=z)
        return call, lambda: z

    def copy(self, row, sizes, data):
        y = np.empty_like(data["x"])
        return lambda: np.copyto(y, data["x"]), lambda: y

    def cast(self, row, sizes, data):
        y = np.empty(sizes["n"], np.float16)
        return lambda: np.copyto(y, data["x"], casting="same_kind"), lambda: y

    def strided_copy(self, row, sizes, data):
        y = np.empty(sizes["n"], np.float32)
        return lambda: np.copyto(y, data["x"][::2]), lambda: y

    def softmax(self, row, sizes, data):
        if row.dtype != "float":
            return None
        y, x = np.empty_like(data["x"]), data["x"]

        def call():
            np.subtract(x, x.max(1, keepdims=True), out=y)
            np.exp(y, out=y)
            np.multiply(y, 1 / y.sum(1, keepdims=True), out=y)
        return call, lambda: y

    def rms_norm(self, row, sizes, data):
        if row.dtype != "float":
            return None
        y, x = np.empty_like(data["x"]), data["x"]

        def call():
            scale = 1 / np.sqrt(np.einsum("ij,ij->i", x, x) / np.float32(x.shape[1]) + np.float32(rows.EPSILON))
            np.multiply(x, scale[:, None], out=y)
            np.multiply(y, data["w"], out=y)
        return call, lambda: y

    def qtv(self, row, sizes, data):
        y = np.empty(sizes["k"], np.float32)
        return lambda: np.dot(data["v"], data["q"], out=y), lambda: y

    qtv_32x8 = qtv

    def rank1(self, row, sizes, data):
        r = np.empty_like(data["q"])

        def call():
            np.multiply(data["v"][:, None], data["c"], out=r)
            np.subtract(data["q"], r, out=r)
        return call, lambda: r

    def gemm(self, row, sizes, data):
        a, b = (rows.decode(data[name], row.dtype).astype(np.float32) for name in "ab")
        c = np.empty(a.shape, np.float32)  # also for half and bfloat, which it hasn't: float is what they are compared with
        return lambda: np.matmul(a, b, out=c), lambda: rows.encode(c, row.dtype)

    steel_gemm = gemm

    def depthwise(self, row, sizes, data):
        y, part, x, w = np.empty_like(data["x"]), np.empty_like(data["x"]), data["x"], data["w"][None, :, :, None]

        def call():
            np.multiply(x, w[:, :, 1], out=y)
            np.multiply(x[..., :-1], w[:, :, 0], out=part[..., 1:])
            y[..., 1:] += part[..., 1:]
            np.multiply(x[..., 1:], w[:, :, 2], out=part[..., :-1])
            y[..., :-1] += part[..., :-1]
        return call, lambda: y

    def histogram_threadgroup(self, row, sizes, data):
        result = [None]

        def call():
            result[0] = np.bincount((data["x"] & 255).astype(np.int64), minlength=256)
        return call, lambda: result[0]

    def sort(self, row, sizes, data):
        y = np.empty_like(data["x"])

        def call():
            np.copyto(y, data["x"])
            y.sort(axis=1)
        return call, lambda: y

    def scan(self, row, sizes, data):
        y = np.empty_like(data["x"])
        return lambda: np.cumsum(data["x"], 1, out=y), lambda: y
