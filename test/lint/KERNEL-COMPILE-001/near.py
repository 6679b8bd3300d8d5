# case: an array of which nobody knows whether it is one number
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["x", "by"], output_names=["y"], source="uint i = thread_position_in_grid.x; y[i] = x[i] / by;")
x = mx.array([1.0, 4.0, 2.0])
k(inputs=[x, x.max()], output_shapes=[x.shape], output_dtypes=[x.dtype], grid=(3, 1, 1), threadgroup=(32, 1, 1))
