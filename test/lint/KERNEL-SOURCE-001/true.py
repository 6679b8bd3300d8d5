# case: an f-string in each call
import mlx.core as mx

def f(x: mx.array, n):
    kernel = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["b"],
                                  source=f"b[0] = a[{n}];")  # finds
    return kernel(inputs=[x], grid=(1, 1, 1), threadgroup=(1, 1, 1), output_shapes=[(1,)], output_dtypes=[x.dtype])
# case: format
import mlx.core as mx

SOURCE = "b[0] = a[{}];"

def f(x: mx.array, n):
    kernel = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["b"],
                                  source=SOURCE.format(n))  # finds
    return kernel(inputs=[x], grid=(1, 1, 1), threadgroup=(1, 1, 1), output_shapes=[(1,)], output_dtypes=[x.dtype])
# case: made once, with the first call's number in it
import mlx.core as mx

_KERNEL = None

def f(x: mx.array, n):
    global _KERNEL
    if _KERNEL is None:
        _KERNEL = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["b"],
                                       source=f"b[0] = a[{n}];")  # finds
    return _KERNEL(inputs=[x], grid=(1, 1, 1), threadgroup=(1, 1, 1), output_shapes=[(1,)], output_dtypes=[x.dtype])
