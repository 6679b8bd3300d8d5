# case: the sizes of a kernel's arrays are its parameters
import mlx.core as mx

def launch(kernel, x: mx.array):
    m, k = x.shape
    shape = mx.array([m, k], dtype=mx.uint32)
    return kernel(inputs=[x, shape])
# case: once
import mlx.core as mx

x = mx.zeros((4, 8))
n = mx.array(x.shape[0])
# case: as it is
import mlx.core as mx
import mlx.nn as nn

class Scale(nn.Module):
    def __call__(self, x: mx.array):
        return x / x.shape[-1]
# case: not a size
import mlx.core as mx

@mx.compile
def f(x: mx.array):
    return x * mx.array(0.5)
