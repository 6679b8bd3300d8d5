# case: too many
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], source="out[thread_position_in_grid.x] = a[0];")
k(inputs=[mx.zeros((4,))], grid=(4096, 64, 1), output_shapes=[(4096,)], output_dtypes=[mx.float32],
  threadgroup=(64, 32, 1))  # finds
# case: not of whole simdgroups
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], source="out[thread_position_in_grid.x] = a[0];")

def f(a: mx.array):
    return k(inputs=[a], grid=(a.size, 1, 1), output_shapes=[a.shape], output_dtypes=[a.dtype],
             threadgroup=(100, 1, 1))  # finds
# case: by names
import mlx.core as mx

W, H = 10, 10
k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], source="out[thread_position_in_grid.x] = a[0];")

def f(a: mx.array):
    return k(inputs=[a], grid=(a.size, 100, 1), output_shapes=[a.shape], output_dtypes=[a.dtype],
             threadgroup=(W, H, 1))  # finds
