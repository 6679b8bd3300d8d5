"""OpenCL on the CPU: the same algorithms, written in OpenCL C in kernels/*.cl. The variant is a part of the platform's name: Intel or Portable."""

import time
from pathlib import Path

import numpy as np
import pyopencl as cl

import rows

KERNELS = Path(__file__).parent / "kernels"


def up(count, step):
    return -(-count // step) * step


class Peer:
    def __init__(self, variant):
        found = [each for each in cl.get_platforms() if variant.lower() in each.name.lower()]
        if not found:
            raise RuntimeError(f"no OpenCL platform of this name, only {[each.name for each in cl.get_platforms()]}")
        device = found[0].get_devices()[0]
        self.context = cl.Context([device])
        self.queue = cl.CommandQueue(self.context)
        self.version = f"{found[0].version}, driver {device.driver_version}, {device.max_compute_units} units"

    def kernel_call(self, file, name, grid, group, arguments, output, before=None, options=()):
        """Arrays become buffers; `output` is the one that is read back."""
        program = cl.Program(self.context, (KERNELS / file).read_text()).build(["-cl-mad-enable", *options], cache_dir=False)
        kernel = cl.Kernel(program, name)
        flags = cl.mem_flags.READ_WRITE | cl.mem_flags.COPY_HOST_PTR
        buffers = [cl.Buffer(self.context, flags, hostbuf=each) if isinstance(each, np.ndarray) else each for each in arguments]
        kernel.set_args(*buffers)
        target = buffers[next(at for at, each in enumerate(arguments) if each is output)]

        def call(keep=buffers):  # the kernel doesn't keep them alive
            if before is not None:
                cl.enqueue_copy(self.queue, target, before, is_blocking=False)
            cl.enqueue_nd_range_kernel(self.queue, kernel, grid, group)
            self.queue.finish()

        def result():
            cl.enqueue_copy(self.queue, output, target)
            return output
        return call, result

    def exp(self, row, sizes, data):
        y = np.zeros_like(data["x"])
        return self.kernel_call("elementwise.cl", "do_exp", (sizes["n"],), (256,), [data["x"], y], y)

    def saxpy(self, row, sizes, data):
        z = np.zeros_like(data["x"])
        return self.kernel_call("elementwise.cl", "saxpy", (sizes["n"],), (256,), [data["x"], data["y"], z, np.float32(rows.SCALE), np.uint32(sizes["n"])], z)

    def copy(self, row, sizes, data):
        y = np.zeros_like(data["x"])
        return self.kernel_call("elementwise.cl", "copy", (sizes["n"],), (256,), [data["x"], y], y)

    def cast(self, row, sizes, data):
        y = np.zeros(sizes["n"], np.float16)
        return self.kernel_call("elementwise.cl", "cast", (sizes["n"],), (256,), [data["x"], y], y)

    def strided_copy(self, row, sizes, data):
        y = np.zeros(sizes["n"], np.float32)
        return self.kernel_call("elementwise.cl", "strided_copy", (sizes["n"],), (256,), [data["x"], y], y)

    def softmax(self, row, sizes, data):
        y = np.zeros_like(data["x"])
        return self.kernel_call("rows.cl", "softmax", (sizes["rows"] * 256,), (256,), [data["x"], y, np.uint32(sizes["columns"])], y,
                           options=[f"-DTYPE_{row.dtype}"])

    def rms_norm(self, row, sizes, data):
        y = np.zeros_like(data["x"])
        return self.kernel_call("rows.cl", "rms_norm", (sizes["rows"] * 256,), (256,),
                           [data["x"], data["w"], y, np.uint32(sizes["columns"]), np.float32(rows.EPSILON)], y, options=[f"-DTYPE_{row.dtype}"])

    def dot(self, name, sizes, data, grid, group):
        y = np.zeros(sizes["k"], np.float32)
        return self.kernel_call("matrices.cl", name, grid, group, [data["q"], data["v"], y, np.uint32(sizes["m"]), np.uint32(sizes["k"])], y)

    def qtv(self, row, sizes, data):
        return self.dot("qtv", sizes, data, (up(sizes["k"], 64),), (64,))

    def qtv_32x8(self, row, sizes, data):
        return self.dot("qtv_32x8", sizes, data, (sizes["k"], 8), (32, 8))

    def rank1(self, row, sizes, data):
        r = np.zeros_like(data["q"])
        return self.kernel_call("matrices.cl", "rank1", (sizes["k"], sizes["m"]), (64, 4),
                           [data["q"], data["v"], data["c"], r, np.uint32(sizes["m"]), np.uint32(sizes["k"])], r)

    def gemm(self, row, sizes, data):
        c, n = np.zeros_like(data["a"]), sizes["n"]
        return self.kernel_call("matrices.cl", "gemm", (n, n), (16, 16), [data["a"], data["b"], c, np.uint32(n)], c)

    def depthwise(self, row, sizes, data):
        y = np.zeros_like(data["x"])
        return self.kernel_call("elementwise.cl", "depthwise", (up(y.size, 256),), (256,),
                           [data["x"], data["w"], y, *(np.uint32(sizes[name]) for name in ("batch", "channels", "length"))], y)

    def mandelbrot(self, row, sizes, data):
        y = np.zeros((sizes["h"], sizes["w"]), np.int32)
        return self.kernel_call("elementwise.cl", "mandelbrot", (sizes["w"], sizes["h"]), (32, 8),
                           [y, *(np.int32(sizes[name]) for name in ("w", "h", "limit"))], y)

    def histogram_device(self, row, sizes, data):
        bins, zeros = np.zeros(256, np.uint32), np.zeros(256, np.uint32)
        return self.kernel_call("elementwise.cl", "histogram_device", (sizes["n"],), (256,), [data["x"], bins], bins, before=zeros)

    def histogram_threadgroup(self, row, sizes, data):
        bins, zeros = np.zeros(256, np.uint32), np.zeros(256, np.uint32)
        return self.kernel_call("elementwise.cl", "histogram_threadgroup", (sizes["n"] // 64,), (256,), [data["x"], bins, np.uint32(64)], bins, before=zeros)

    def launch_python(self, row, sizes, data):
        y = np.zeros(32, np.float32)
        call, _ = self.kernel_call("elementwise.cl", "nothing", (32,), (32,), [y], y)

        def timed():
            start = time.perf_counter()
            for _ in range(500):
                call()
            return (time.perf_counter() - start) / 500
        return timed, None
