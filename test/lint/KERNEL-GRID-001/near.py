# case: in threads
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], source="uint i = thread_position_in_grid.x; if (i < 9) out[i] = a[i];")

def f(a: mx.array):
    n = a.size
    k(inputs=[a], grid=(n, 1, 1), threadgroup=(256, 1, 1), output_shapes=[a.shape], output_dtypes=[a.dtype])
    k(inputs=[a], grid=((n + 255) // 256 * 256, 1, 1), threadgroup=(256, 1, 1), output_shapes=[a.shape], output_dtypes=[a.dtype])
# case: four elements a thread
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"],
                         source="uint i = 4 * thread_position_in_grid.x; out[i] = a[i]; out[i + 1] = a[i + 1];")

def f(a: mx.array, n):
    return k(inputs=[a], grid=((n + 3) // 4, 1, 1), threadgroup=(256, 1, 1), output_shapes=[a.shape], output_dtypes=[a.dtype])
# case: a simdgroup for each row
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], source="out[threadgroup_position_in_grid.y] = simd_sum(a[thread_position_in_grid.x]);")

def f(a: mx.array, rows):
    return k(inputs=[a], grid=(32, rows, 1), threadgroup=(32, 1, 1), output_shapes=[a.shape], output_dtypes=[a.dtype])
# case: divided by another number
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], source="out[thread_position_in_grid.x] = a[0];")

def f(a: mx.array, n, heads):
    return k(inputs=[a], grid=(n // heads, heads, 1), threadgroup=(32, 1, 1), output_shapes=[a.shape], output_dtypes=[a.dtype])
# case: unpacked from a dictionary that is changed before
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], source="uint i = thread_position_in_grid.x; out[i] = a[i];")

def f(a: mx.array, n):
    call = {"grid": ((n + 255) // 256, 1, 1), "threadgroup": (256, 1, 1)}
    call["grid"] = (n, 1, 1)
    return k(inputs=[a], output_shapes=[a.shape], output_dtypes=[a.dtype], **call)
