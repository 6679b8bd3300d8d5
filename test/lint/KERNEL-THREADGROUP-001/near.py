# case: 256
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], source="out[thread_position_in_grid.x] = a[0];")
k(inputs=[mx.zeros((4,))], grid=(4096, 1, 1), threadgroup=(16, 16, 1), output_shapes=[(4096,)], output_dtypes=[mx.float32])
k(inputs=[mx.zeros((4,))], grid=(4096, 1, 1), threadgroup=(1024, 1, 1), output_shapes=[(4096,)], output_dtypes=[mx.float32])
# case: the whole grid in one, and one thread
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], source="out[thread_position_in_grid.x] = a[0];")
k(inputs=[mx.zeros((4,))], grid=(10, 1, 1), threadgroup=(10, 1, 1), output_shapes=[(10,)], output_dtypes=[mx.float32])
k(inputs=[mx.zeros((4,))], grid=(10, 1, 1), threadgroup=(1, 1, 1), output_shapes=[(10,)], output_dtypes=[mx.float32])
# case: MLX cuts it to the grid
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], source="out[thread_position_in_grid.x] = a[0];")
k(inputs=[mx.zeros((4,))], grid=(1024, 1, 1), threadgroup=(1024, 4, 1), output_shapes=[(4,)], output_dtypes=[mx.float32])
# case: not known
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], source="out[thread_position_in_grid.x] = a[0];")

def f(a: mx.array, group):
    return k(inputs=[a], grid=(a.size, 1, 1), threadgroup=(group, 1, 1), output_shapes=[a.shape], output_dtypes=[a.dtype])
