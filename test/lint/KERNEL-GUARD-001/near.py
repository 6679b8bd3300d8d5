# case: guarded
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a", "n"], output_names=["out"], source="uint i = thread_position_in_grid.x; if (i >= n) return; out[i] = a[i];")

def f(a: mx.array, n):
    return k(inputs=[a, n], grid=((n + 255) // 256 * 256, 1, 1), threadgroup=(256, 1, 1), output_shapes=[a.shape], output_dtypes=[a.dtype])
# case: the grid is exact
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], source="uint i = thread_position_in_grid.x; out[i] = a[i];")

def f(a: mx.array):
    return k(inputs=[a], grid=(a.size, 1, 1), threadgroup=(256, 1, 1), output_shapes=[a.shape], output_dtypes=[a.dtype])
# case: a loop with a bound
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a", "n"], output_names=["out"],
                         source="for (uint i = thread_position_in_grid.x; i < n; i += threads_per_grid.x) out[i] = a[i];")

def f(a: mx.array, n):
    return k(inputs=[a, n], grid=((n + 255) // 256 * 256, 1, 1), threadgroup=(256, 1, 1), output_shapes=[a.shape], output_dtypes=[a.dtype])
# case: clamped, and guarded by what comes of the position
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a", "n"], output_names=["out"], source="""
    uint3 gid = thread_position_in_grid;
    uint row = gid.y * 4;
    out[min(gid.x, n - 1)] = row < n ? a[row] : 0;
""")

def f(a: mx.array, n):
    up = (n + 255) // 256 * 256
    return k(inputs=[a, n], grid=(up, up, 1), threadgroup=(256, 1, 1), output_shapes=[a.shape], output_dtypes=[a.dtype])
