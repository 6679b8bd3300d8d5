"""Ours: each row by kernels/NAME.metal, or, as the variant "again", by another kernel for the same, kernels/NAME_again.metal; kernels of MLX's
own headers are in mlx_kernels.py.

Both are called through anymetal.Library with arrays that were made once. The second kernel was written apart, otherwise than the first, and
nothing is ever tuned on it: a speed that is due to the first kernel's looks would be missing there.
"""

import os
import subprocess
import time
from pathlib import Path

import numpy as np

import anymetal
import rows
from anymetal import Buffer
from mlx_kernels import MlxKernels

KERNELS = Path(__file__).parent / "kernels"
METAL = {"float": "float", "half": "half", "bfloat": "bfloat"}


def up(count, step):
    return -(-count // step) * step


class Peer(MlxKernels):
    def __init__(self, variant):
        self.again = variant == "again"
        self.last = None  # (path, type, threadgroup) of the kernel that was made last
        self.version = (f"anymetal {anymetal.__version__}, {os.environ.get('ANYMETAL_EXECUTOR', 'default')} executor, "
                        f"bounds {os.environ.get('ANYMETAL_BOUNDS', 'default')}")

    def path(self, name):
        return KERNELS / f"{name}{'_again' if self.again else ''}.metal"

    def note(self):
        """Why the last kernel doesn't run as vector code, if so: what `anymetal compile --why` says first."""
        tool = Path(anymetal.__file__).parents[2] / "tools" / "anymetal"
        if self.last is None or not tool.exists():
            return None
        path, dtype, threadgroup = self.last
        sizes = ",".join(map(str, threadgroup if isinstance(threadgroup, tuple) else (threadgroup,)))
        done = subprocess.run([str(tool), "compile", str(path), "--emit=simt", "--why", "--threadgroup", sizes, "--math-mode=fast", "-D",
                               f"T={METAL[dtype]}"], capture_output=True, text=True)
        said = [line.partition(": ")[2] for line in done.stdout.splitlines() if "reference executor" in line]
        return said[0] if said else None

    def kernel(self, name, dtype="float"):
        path = self.path(name)
        return anymetal.Library(path, math_mode="fast", macros={"T": METAL[dtype]}).kernel(name)

    def kernel_call(self, name, arguments, output, dtype="float", before=None, **sizes):
        kernel = self.kernel(name, dtype)
        self.last = self.path(name), dtype, sizes["threadgroup"]
        arguments = [Buffer(each) if isinstance(each, np.ndarray) else each for each in arguments]

        def call():
            if before:
                before()
            kernel(*arguments, **sizes)
        return call, lambda: output

    # Elementwise
    def exp(self, row, sizes, data):
        y = np.zeros_like(data["x"])
        n = sizes["n"] // 4 if self.again else sizes["n"]
        return self.kernel_call("exp", [data["x"], y], y, grid=n, threadgroup=128 if self.again else 256)

    def saxpy(self, row, sizes, data):
        z = np.zeros_like(data["x"])
        arguments = [data["x"], data["y"], z, rows.SCALE, sizes["n"]]
        if self.again:  # each thread several elements, a grid apart
            return self.kernel_call("saxpy", arguments, z, grid=sizes["n"] // 16, threadgroup=512)
        return self.kernel_call("saxpy", arguments, z, grid=sizes["n"], threadgroup=256)

    def copy(self, row, sizes, data):
        y = np.zeros_like(data["x"])
        if self.again:
            return self.kernel_call("copy", [data["x"], y, sizes["n"]], y, grid=up(-(-sizes["n"] // 8), 256), threadgroup=256)
        return self.kernel_call("copy", [data["x"], y], y, grid=sizes["n"], threadgroup=256)

    def cast(self, row, sizes, data):
        y = np.zeros(sizes["n"], np.float16)
        n = sizes["n"] // 4 if self.again else sizes["n"]
        return self.kernel_call("cast", [data["x"], y], y, grid=n, threadgroup=256)

    def strided_copy(self, row, sizes, data):
        y = np.zeros(sizes["n"], np.float32)
        if self.again:  # rows of 1024
            return self.kernel_call("strided_copy", [data["x"], y, 1024], y, grid=(1024, sizes["n"] // 1024), threadgroup=(128, 2))
        return self.kernel_call("strided_copy", [data["x"], y], y, grid=sizes["n"], threadgroup=256)

    # By rows
    def softmax(self, row, sizes, data):
        y = np.zeros_like(data["x"])
        return self.kernel_call("softmax", [data["x"], y, sizes["columns"]], y, row.dtype, threadgroups=sizes["rows"],
                           threadgroup=512 if self.again else 256)

    def rms_norm(self, row, sizes, data):
        y = np.zeros_like(data["x"])
        return self.kernel_call("rms_norm", [data["x"], data["w"], y, sizes["columns"], rows.EPSILON], y, row.dtype, threadgroups=sizes["rows"],
                           threadgroup=128 if self.again else 256)

    # Vectors and matrices
    def qtv(self, row, sizes, data):
        y = np.zeros(sizes["k"], np.float32)
        shape = np.array([sizes["m"], sizes["k"]], np.uint32)
        return self.kernel_call("qtv", [data["q"], data["v"], shape, y], y, grid=up(sizes["k"], 64), threadgroup=128 if self.again else 64)

    def qtv_32x8(self, row, sizes, data):
        y = np.zeros(sizes["k"], np.float32)
        shape = np.array([sizes["m"], sizes["k"]], np.uint32)
        return self.kernel_call("qtv_32x8", [data["q"], data["v"], shape, y], y, threadgroups=sizes["k"] // 32,
                           threadgroup=256 if self.again else (32, 8))

    def rank1(self, row, sizes, data):
        r = np.zeros_like(data["q"])
        shape = np.array([sizes["m"], sizes["k"]], np.uint32)
        if self.again:
            return self.kernel_call("rank1", [data["q"], data["v"], data["c"], shape, r], r, grid=sizes["m"] * sizes["k"], threadgroup=256)
        return self.kernel_call("rank1", [data["q"], data["v"], data["c"], shape, r], r, grid=(sizes["k"], sizes["m"]), threadgroup=(64, 4))

    def gemm(self, row, sizes, data):
        n = sizes["n"]
        c = np.zeros((n, n), np.float32)
        return self.kernel_call("gemm", [data["a"], data["b"], c, np.array([n, n, n], np.uint32)], c, grid=(n, n), threadgroup=(16, 16))

    def depthwise(self, row, sizes, data):
        y = np.zeros_like(data["x"])
        shape = [sizes["batch"], sizes["channels"], sizes["length"]]
        arguments = [np.array(shape, np.uint32), data["x"], data["w"], y]
        if self.again:  # one row of threads for each channel of each image
            return self.kernel_call("depthwise", arguments, y, grid=(shape[2], shape[0] * shape[1]), threadgroup=(256, 1))
        return self.kernel_call("depthwise", arguments, y, grid=up(y.size, 256), threadgroup=256)

    def mandelbrot(self, row, sizes, data):
        y = np.zeros((sizes["h"], sizes["w"]), np.int32)
        if self.again:
            return self.kernel_call("mandelbrot", [y, np.array([sizes["w"], sizes["h"], sizes["limit"]], np.int32)], y, grid=y.size, threadgroup=64)
        return self.kernel_call("mandelbrot", [y, np.array([sizes["w"], sizes["h"], sizes["limit"]], np.int32)], y, grid=(sizes["w"], sizes["h"]),
                           threadgroup=(32, 8))

    def histogram_device(self, row, sizes, data):
        bins = np.zeros(256, np.uint32)
        n = sizes["n"] // 4 if self.again else sizes["n"]
        return self.kernel_call("histogram_device", [data["x"], bins], bins, before=lambda: bins.fill(0), grid=n, threadgroup=256)

    def histogram_threadgroup(self, row, sizes, data):
        bins = np.zeros(256, np.uint32)
        each = 64
        return self.kernel_call("histogram_threadgroup", [data["x"], bins, each], bins, before=lambda: bins.fill(0), grid=sizes["n"] // each,
                           threadgroup=128 if self.again else 256)

    # Launches
    def launch(self, row, sizes, data, what="launch"):
        """By the C++ API: a program of its own, which says what it took."""
        if self.again:
            return None
        program = Path(os.environ["PEERS_BUILD"]).parent / "bench" / "peers" / "anymetal_peers_launch"
        process = subprocess.Popen([str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

        def call():
            process.stdin.write(what + "\n")
            answer = process.stdout.readline().strip()
            if not answer or answer.startswith("fails"):
                raise RuntimeError(answer or "anymetal_peers_launch has ended")
            return float(answer)
        for _ in range(2):  # the first one starts Clang, or fills the disk cache
            call()
        return call, None

    def first_cold(self, row, sizes, data):
        return self.launch(row, sizes, data, "cold")

    def first_disk(self, row, sizes, data):
        return self.launch(row, sizes, data, "disk")

    def launch_python(self, row, sizes, data):
        x = np.zeros(32, np.float32)
        if self.again:
            return None
        kernel = anymetal.Library("#include <metal_stdlib>\nkernel void nothing(device float* x) {}\n").kernel("nothing")

        def call():
            start = time.perf_counter()
            for _ in range(500):
                kernel(x, threadgroups=1, threadgroup=32)
            return (time.perf_counter() - start) / 500
        call()
        return call, None
