# case: nothing writes it
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"],
                         output_names=["out", "mean"],  # finds
                         source="uint i = thread_position_in_grid.x; out[i] = a[i];")
# case: a shape is missing
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out", "mean"], source="out[0] = a[0]; mean[0] = a[0];")
x = mx.zeros((4,))
k(inputs=[x], grid=(1, 1, 1), threadgroup=(1, 1, 1),
  output_shapes=[(1,)],  # finds
  output_dtypes=[mx.float32, mx.float32])
# case: more elements than threads
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], source="uint i = thread_position_in_grid.x; out[i] = a[i];")
x = mx.zeros((1024,))
k(inputs=[x], threadgroup=(64, 1, 1), output_shapes=[(1024,)], output_dtypes=[mx.float32],
  grid=(256, 1, 1))  # finds
# case: an input too many
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], source="out[0] = a[0];")
x = mx.zeros((4,))
k(inputs=[x, x],  # finds
  grid=(1, 1, 1), threadgroup=(1, 1, 1), output_shapes=[(1,)], output_dtypes=[mx.float32])
# case: two elements a thread, and not enough threads
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"],
                         source="uint i = thread_position_in_grid.x; out[2 * i] = a[i]; out[2 * i + 1] = -a[i];")  # finds
x = mx.zeros((64,))
k(inputs=[x], grid=(64, 1, 1), threadgroup=(64, 1, 1), output_shapes=[(256,)], output_dtypes=[mx.float32])
# case: a loop of four in each thread
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"],
                         source="uint i = thread_position_in_grid.x; for (uint j = 0; j < 4; ++j) out[i * 4 + j] = a[i];")  # finds
x = mx.zeros((64,))
k(inputs=[x], grid=(64, 1, 1), threadgroup=(64, 1, 1), output_shapes=[(8, 64)], output_dtypes=[mx.float32])
