"""C++ as one would write it by hand for this row, in native/. The variant "limit" is what the machine can do at best."""

import os
import subprocess
import time

import numpy as np

import native_code
import rows


def aligned(count):
    """Floats at a multiple of 64 bytes: stores past the caches need it."""
    made = np.ones(count + 16, np.float32)  # not zeros: pages that nobody has written are all the same one
    return made[-(made.ctypes.data // 4) % 16:][:count]


class Peer:
    def __init__(self, variant):
        machine = "avx2" if variant == "avx2" else "native"
        self.code = native_code.load(native_code.build(os.environ["PEERS_BUILD"], machine))
        first = subprocess.run(["clang++-19", "--version"], capture_output=True, text=True).stdout.splitlines()[0]
        self.version = f"{first}, -O3 -march={native_code.MACHINES[machine]}"
        self.limits = variant == "limit"

    def __getattribute__(self, name):
        """The machine's limits answer every row that names one."""
        if name in rows.FAMILIES and self.limits:
            return self.limit
        return object.__getattribute__(self, name)

    def run(self, name, output, *values):
        return native_code.caller(getattr(self.code, f"cpp_{name}"), *values), lambda: output

    def exp(self, row, sizes, data):
        y = np.zeros_like(data["x"])
        return self.run("exp", y, data["x"], y, sizes["n"])

    def saxpy(self, row, sizes, data):
        z = np.zeros_like(data["x"])
        return self.run("saxpy", z, data["x"], data["y"], z, rows.SCALE, sizes["n"])

    def copy(self, row, sizes, data):
        y = np.zeros_like(data["x"])
        return self.run("copy", y, data["x"], y, sizes["n"])

    def cast(self, row, sizes, data):
        y = np.zeros(sizes["n"], np.float16)
        return self.run("cast", y, data["x"], y, sizes["n"])

    def strided_copy(self, row, sizes, data):
        y = np.zeros(sizes["n"], np.float32)
        return self.run("strided_copy", y, data["x"], y, sizes["n"])

    def softmax(self, row, sizes, data):
        y = np.zeros_like(data["x"])
        return self.run(f"softmax_{row.dtype}", y, data["x"], y, sizes["rows"], sizes["columns"])

    def rms_norm(self, row, sizes, data):
        y = np.zeros_like(data["x"])
        return self.run(f"rms_norm_{row.dtype}", y, data["x"], data["w"], y, sizes["rows"], sizes["columns"], rows.EPSILON)

    def qtv(self, row, sizes, data):
        y = np.zeros(sizes["k"], np.float32)
        return self.run("qtv", y, data["q"], data["v"], y, sizes["m"], sizes["k"])

    qtv_32x8 = qtv

    def rank1(self, row, sizes, data):
        r = np.zeros_like(data["q"])
        return self.run("rank1", r, data["q"], data["v"], data["c"], r, sizes["m"], sizes["k"])

    def gemm(self, row, sizes, data):
        c = np.zeros_like(data["a"])
        return self.run("gemm", c, data["a"], data["b"], c, sizes["n"])

    def depthwise(self, row, sizes, data):
        y = np.zeros_like(data["x"])
        return self.run("depthwise", y, data["x"], data["w"], y, sizes["batch"], sizes["channels"], sizes["length"])

    def mandelbrot(self, row, sizes, data):
        y = np.zeros((sizes["h"], sizes["w"]), np.int32)
        return self.run("mandelbrot", y, y, sizes["w"], sizes["h"], sizes["limit"])

    def histogram_device(self, row, sizes, data):
        bins = np.zeros(256, np.uint32)
        return self.run(row.family, bins, data["x"], bins, sizes["n"])

    histogram_threadgroup = histogram_device

    def launch(self, row, sizes, data):
        def call():
            start = time.perf_counter()
            self.code.cpp_nothing(2000)
            return (time.perf_counter() - start) / 2000
        return call, None

    def limit(self, row, sizes, data):
        """The row's traffic as a copy, a triad or a read past the caches, its operations as multiply-adds; there is no result."""
        if row.limit is None:
            return None
        if row.limit == "multiply_add":
            rounds = int(row.work(sizes) / self.code.limit_operations(1))
            return native_code.caller(self.code.limit_multiply_add, rounds), None
        floats = int(row.traffic(sizes, rows.width(row.dtype)) // 4) // 64 * 64
        if row.limit == "read":
            x = aligned(floats)
            return native_code.caller(self.code.limit_read, x, floats), None
        n = floats // (3 if row.limit == "triad" else 2) // 16 * 16
        arrays = [aligned(n) for _ in range(3 if row.limit == "triad" else 2)]
        scale = [1.5] if row.limit == "triad" else []
        return native_code.caller(getattr(self.code, f"limit_{row.limit}"), *arrays, *scale, n), None

    # What MLX's kernels compute
    def sdpa(self, row, sizes, data):
        out = np.zeros_like(data["q"])
        counts = [sizes[name] for name in ("heads", "kv_heads", "queries", "keys", "dim")]
        if sizes["queries"] > 1 and sizes["keys"] % 64:
            return None
        return self.run("sdpa", out, data["q"], data["k"], data["v"], out, *counts, sizes["dim"]**-0.5)

    def quantized_gemv(self, row, sizes, data):
        y = np.zeros(sizes["n"], np.float32)
        return self.run("quantized_gemv", y, data["w"], data["scales"], data["biases"], data["x"], y, sizes["n"], sizes["k"])

    def sort(self, row, sizes, data):
        y = np.zeros_like(data["x"])
        return self.run("sort", y, data["x"], y, sizes["rows"], sizes["columns"])

    def scan(self, row, sizes, data):
        y = np.zeros_like(data["x"])
        return self.run("scan", y, data["x"], y, sizes["rows"], sizes["columns"])
