"""The step of a QR factorisation that costs most: c = Q'v for the first k columns of Q. A simdgroup takes one column."""

import time

import mlx.core as mx
import numpy as np

column_dot = mx.fast.metal_kernel(
    name="qr_col_dot",
    input_names=["Q", "v", "k"],
    output_names=["c"],
    source="""
        uint column = threadgroup_position_in_grid.x * simdgroups_per_threadgroup + simdgroup_index_in_threadgroup;
        if (column >= uint(k)) {
            return;
        }
        uint rows = Q_shape[0];
        uint columns = Q_shape[1];
        float sum = 0;
        for (uint row = thread_index_in_simdgroup; row < rows; row += 32) {
            sum = metal::fma(Q[row * columns + column], v[row], sum);
        }
        sum = simd_sum(sum);
        if (thread_index_in_simdgroup == 0) {
            c[column] = sum;
        }
    """,
)

rows, columns, k, simdgroups = 512, 96, 90, 4
Q = mx.array(np.linalg.qr(np.random.default_rng(1).normal(size=(rows, columns)))[0].astype(np.float32))
v = mx.random.normal((rows,))
mx.eval(Q, v)
threadgroups = -(-k // simdgroups)
start = time.perf_counter()
(c,) = column_dot(
    inputs=[Q, v, k],
    grid=(threadgroups * simdgroups * 32, 1, 1),
    threadgroup=(simdgroups * 32, 1, 1),
    output_shapes=[(k,)],
    output_dtypes=[mx.float32],
)
mx.eval(c)
milliseconds = (time.perf_counter() - start) * 1e3

want = np.array(Q, dtype=np.float64)[:, :k].T @ np.array(v, dtype=np.float64)
error = np.max(np.abs(np.array(c) - want))
print(f"Q'v for {k} columns of {rows} | error {error:.1e} | {milliseconds:.1f} ms")
assert error < 1e-5
