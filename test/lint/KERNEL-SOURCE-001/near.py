# case: constants of the module
import mlx.core as mx

N = 8
KERNEL = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["b"], source=f"b[0] = a[{N}];")
# case: one for each value
import functools
import mlx.core as mx

@functools.cache
def make(n):
    return mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["b"], source=f"b[0] = a[{n}];")
# case: a table by value
import mlx.core as mx

_kernels = {}

def f(x: mx.array, n):
    if n not in _kernels:
        _kernels[n] = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["b"], source=f"b[0] = a[{n}];")
    return _kernels[n](inputs=[x], grid=(1, 1, 1), threadgroup=(1, 1, 1), output_shapes=[(1,)], output_dtypes=[x.dtype])
# case: built once of parts
import mlx.core as mx

PARTS = ["uint i = thread_position_in_grid.x;", "b[i] = a[i];"]
KERNEL = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["b"], source="\n".join(PARTS))
