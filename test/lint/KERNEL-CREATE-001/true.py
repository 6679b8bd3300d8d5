# case: in the function that calls it
import mlx.core as mx

def exp(a: mx.array):
    kernel = mx.fast.metal_kernel(  # finds
        name="myexp", input_names=["inp"], output_names=["out"],
        source="uint i = thread_position_in_grid.x; out[i] = metal::exp(inp[i]);")
    return kernel(inputs=[a], grid=(a.size, 1, 1), threadgroup=(256, 1, 1), output_shapes=[a.shape], output_dtypes=[a.dtype])[0]
# case: called at once
import mlx.core as mx

def copy(a: mx.array):
    return mx.fast.metal_kernel(name="copy", input_names=["a"], output_names=["b"], source="b[0] = a[0];")(  # finds
        inputs=[a], grid=(1, 1, 1), threadgroup=(1, 1, 1), output_shapes=[a.shape], output_dtypes=[a.dtype])[0]
# case: in a loop
import mlx.core as mx

x = mx.zeros((8,))
for _ in range(10):
    k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["b"], source="b[0] = a[0];")  # finds
    (x,) = k(inputs=[x], grid=(1, 1, 1), threadgroup=(1, 1, 1), output_shapes=[(8,)], output_dtypes=[mx.float32])
# case: in a method
from mlx.core.fast import metal_kernel
import mlx.nn as nn

class Layer(nn.Module):
    def __call__(self, x):
        kernel = metal_kernel(name="k", input_names=["a"], output_names=["b"], source="b[0] = a[0];")  # finds
        return kernel(inputs=[x], grid=(1, 1, 1), threadgroup=(1, 1, 1), output_shapes=[x.shape], output_dtypes=[x.dtype])
