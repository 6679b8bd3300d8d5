# case: at the top of the module
import mlx.core as mx

KERNEL = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["b"], source="b[0] = a[0];")

def f(x: mx.array):
    return KERNEL(inputs=[x], grid=(1, 1, 1), threadgroup=(1, 1, 1), output_shapes=[x.shape], output_dtypes=[x.dtype])
# case: on first use
import mlx.core as mx

_KERNEL = None

def f(x: mx.array):
    global _KERNEL
    if _KERNEL is None:
        _KERNEL = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["b"], source="b[0] = a[0];")
    return _KERNEL(inputs=[x], grid=(1, 1, 1), threadgroup=(1, 1, 1), output_shapes=[x.shape], output_dtypes=[x.dtype])
# case: a cached maker
import functools
import mlx.core as mx

@functools.lru_cache(maxsize=None)
def make(n):
    return mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["b"], source=f"b[0] = a[{n}];")

def f(x: mx.array):
    return make(3)(inputs=[x], grid=(1, 1, 1), threadgroup=(1, 1, 1), output_shapes=[x.shape], output_dtypes=[x.dtype])
# case: a table of kernels
import mlx.core as mx

_kernels = {}

def f(x: mx.array, n):
    if n not in _kernels:
        _kernels[n] = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["b"], source=f"b[0] = a[{n}];")
    return _kernels[n](inputs=[x], grid=(1, 1, 1), threadgroup=(1, 1, 1), output_shapes=[x.shape], output_dtypes=[x.dtype])
# case: a maker that others call
import mlx.core as mx

def make():
    return mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["b"], source="b[0] = a[0];")
# case: a test makes what it tests
import mlx.core as mx

def test_kernel():
    k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["b"], source="b[0] = a[0];")
    k(inputs=[mx.zeros((1,))], grid=(1, 1, 1), threadgroup=(1, 1, 1), output_shapes=[(1,)], output_dtypes=[mx.float32])
