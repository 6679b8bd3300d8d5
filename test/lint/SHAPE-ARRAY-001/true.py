# case: in a layer
import mlx.core as mx
import mlx.nn as nn

class Scale(nn.Module):
    def __call__(self, x: mx.array):
        return x / mx.array(x.shape[-1])  # finds
# case: in a loop
import mlx.core as mx

def f(xs, x: mx.array):
    for _ in range(3):
        x = x * mx.array(x.shape[0])  # finds
    return x
# case: by a name, compiled
import mlx.core as mx

@mx.compile
def mean(x: mx.array):
    n = x.size
    return mx.sum(x) / mx.array(n, dtype=mx.float32)  # finds
