"""Matrix product by 16x16 tiles in threadgroup memory: two barriers for each step along the inner dimension."""

import time

import mlx.core as mx
import numpy as np

matmul = mx.fast.metal_kernel(
    name="tiled_matmul",
    input_names=["a", "b"],
    output_names=["c"],
    source="""
        constexpr int TILE = 16;
        threadgroup float tile_a[TILE][TILE];
        threadgroup float tile_b[TILE][TILE];

        int rows = a_shape[0];
        int inner = a_shape[1];
        int columns = b_shape[1];
        int row = thread_position_in_grid.y;
        int column = thread_position_in_grid.x;
        int y = thread_position_in_threadgroup.y;
        int x = thread_position_in_threadgroup.x;

        float sum = 0;
        for (int step = 0; step < inner; step += TILE) {
            tile_a[y][x] = row < rows && step + x < inner ? a[row * inner + step + x] : 0.0f;
            tile_b[y][x] = step + y < inner && column < columns ? b[(step + y) * columns + column] : 0.0f;
            threadgroup_barrier(mem_flags::mem_threadgroup);
            for (int i = 0; i < TILE; ++i) {
                sum += tile_a[y][i] * tile_b[i][x];
            }
            threadgroup_barrier(mem_flags::mem_threadgroup);
        }
        if (row < rows && column < columns) {
            c[row * columns + column] = sum;
        }
    """,
)

rows, inner, columns = 100, 80, 120
a = mx.random.normal((rows, inner))
b = mx.random.normal((inner, columns))
mx.eval(a, b)
whole = lambda size: -(-size // 16) * 16
start = time.perf_counter()
(c,) = matmul(
    inputs=[a, b],
    grid=(whole(columns), whole(rows), 1),
    threadgroup=(16, 16, 1),
    output_shapes=[(rows, columns)],
    output_dtypes=[mx.float32],
)
mx.eval(c)
milliseconds = (time.perf_counter() - start) * 1e3

want = np.array(a, dtype=np.float64) @ np.array(b, dtype=np.float64)
error = np.max(np.abs(np.array(c) - want))
print(f"({rows}, {inner}) times ({inner}, {columns}), 16x16 tiles | error {error:.1e} | {milliseconds:.1f} ms")
assert error < 1e-4
