# case: filled
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], source="uint i = thread_position_in_grid.x; out[i] = a[i];")
x = mx.zeros((1024,))
k(inputs=[x], grid=(1024, 1, 1), threadgroup=(64, 1, 1), output_shapes=[(1024,)], output_dtypes=[mx.float32])
# case: several elements a thread
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"],
                         source="uint i = thread_position_in_grid.x; for (int j = 0; j < 4; ++j) out[4 * i + j] = a[4 * i + j];")
x = mx.zeros((1024,))
k(inputs=[x], grid=(256, 1, 1), threadgroup=(64, 1, 1), output_shapes=[(1024,)], output_dtypes=[mx.float32])
# case: the rest is filled before
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], source="uint i = thread_position_in_grid.x; out[i] = a[i];")
x = mx.zeros((1024,))
k(inputs=[x], grid=(256, 1, 1), threadgroup=(64, 1, 1), output_shapes=[(1024,)], output_dtypes=[mx.float32], init_value=0)
# case: written by a macro
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], header="#define WRITE(v) out[0] = v", source="WRITE(a[0]);")
# case: as many as the names, by a star
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a", "b"], output_names=["out"], source="out[0] = a[0] + b[0];")

def f(*xs):
    return k(inputs=[*xs], grid=(1, 1, 1), threadgroup=(1, 1, 1), output_shapes=[(1,)], output_dtypes=[mx.float32])
# case: a loop of four in each thread, and enough of them
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"],
                         source="uint i = thread_position_in_grid.x; for (uint j = 0; j < 4; ++j) out[i * 4 + j] = a[i];")
x = mx.zeros((64,))
k(inputs=[x], grid=(64, 1, 1), threadgroup=(64, 1, 1), output_shapes=[(256,)], output_dtypes=[mx.float32])
# case: a loop whose turns a number decides
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a", "n"], output_names=["out"],
                         source="uint i = thread_position_in_grid.x; for (int j = i; j < n; j += 64) out[j] = a[i];")
x = mx.zeros((64,))
k(inputs=[x, 1024], grid=(64, 1, 1), threadgroup=(64, 1, 1), output_shapes=[(1024,)], output_dtypes=[mx.float32])
# case: the rest has a value
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"],
                         source="uint i = thread_position_in_grid.x; out[2 * i] = a[i]; out[2 * i + 1] = -a[i];")
x = mx.zeros((64,))
k(inputs=[x], grid=(64, 1, 1), threadgroup=(64, 1, 1), output_shapes=[(256,)], output_dtypes=[mx.float32], init_value=0)
# case: four elements by one store
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"],
                         source="uint i = thread_position_in_grid.x; device float4* four = (device float4*)out; four[2 * i] = a[i]; four[2 * i + 1] = -a[i];")
x = mx.zeros((64,))
k(inputs=[x], grid=(64, 1, 1), threadgroup=(64, 1, 1), output_shapes=[(512,)], output_dtypes=[mx.float32])
