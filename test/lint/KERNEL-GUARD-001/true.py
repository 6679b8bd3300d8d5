# case: rounded up, nothing stops
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], source="uint i = thread_position_in_grid.x; out[i] = a[i];")

def f(a: mx.array):
    n = a.size
    return k(inputs=[a], threadgroup=(256, 1, 1), output_shapes=[a.shape], output_dtypes=[a.dtype],
             grid=((n + 255) // 256 * 256, 1, 1))  # finds
# case: by a name and a function
import mlx.core as mx

def ceil_mul(n, m):
    return (n + m - 1) // m * m

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], source="uint i = thread_position_in_grid.x; out[i] = a[i];")

def f(a: mx.array, n, group):
    return k(inputs=[a], threadgroup=(group, 1, 1), output_shapes=[a.shape], output_dtypes=[a.dtype],
             grid=(ceil_mul(n, group), 1, 1))  # finds
# case: one axis of two
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], source="""
    uint x = thread_position_in_grid.x, y = thread_position_in_grid.y;
    if (x >= 100) return;
    out[y * 100 + x] = a[y * 100 + x];
""")

def f(a: mx.array, rows):
    return k(inputs=[a], threadgroup=(16, 16, 1), output_shapes=[a.shape], output_dtypes=[a.dtype],
             grid=(112, (rows + 15) // 16 * 16, 1))  # finds
