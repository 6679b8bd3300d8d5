"""RMS norm of rows: a threadgroup for each row, summed by simdgroups, then across them in threadgroup memory."""

import time

import mlx.core as mx
import numpy as np

rms_norm = mx.fast.metal_kernel(
    name="rms_norm",
    input_names=["x", "weight", "eps"],
    output_names=["y"],
    source="""
        constexpr uint simdgroups = THREADS / 32;
        threadgroup float partial[simdgroups];

        uint row = threadgroup_position_in_grid.x;
        uint thread_index = thread_position_in_threadgroup.x;
        uint width = x_shape[1];
        const device T* from = x + row * width;
        device T* to = y + row * width;

        float sum = 0;
        for (uint i = thread_index; i < width; i += THREADS) {
            sum += float(from[i]) * float(from[i]);
        }
        sum = simd_sum(sum);
        if (thread_index_in_simdgroup == 0) {
            partial[simdgroup_index_in_threadgroup] = sum;
        }
        threadgroup_barrier(mem_flags::mem_threadgroup);

        float total = 0;
        for (uint i = 0; i < simdgroups; ++i) {
            total += partial[i];
        }
        float scale = metal::precise::rsqrt(total / width + eps);
        for (uint i = thread_index; i < width; i += THREADS) {
            to[i] = T(float(from[i]) * scale * float(weight[i]));
        }
    """,
)

rows, width, threads = 64, 1000, 128
x = mx.random.normal((rows, width))
weight = mx.random.uniform(shape=(width,))
eps = mx.array(1e-5)
mx.eval(x, weight, eps)
start = time.perf_counter()
(y,) = rms_norm(
    inputs=[x, weight, eps],
    template=[("T", mx.float32), ("THREADS", threads)],
    grid=(rows * threads, 1, 1),
    threadgroup=(threads, 1, 1),
    output_shapes=[x.shape],
    output_dtypes=[x.dtype],
)
mx.eval(y)
milliseconds = (time.perf_counter() - start) * 1e3

values = np.array(x, dtype=np.float64)
want = values / np.sqrt(np.mean(values**2, axis=1, keepdims=True) + 1e-5) * np.array(weight)
error = np.max(np.abs(np.array(y) - want))
print(f"RMS norm of {rows} rows of {width} | error {error:.1e} | {milliseconds:.1f} ms")
assert error < 1e-5
