# case: cut off
import mlx.core as mx

counts = mx.zeros((4,), dtype=mx.int32)
counts[0] = 0.5  # finds
# case: too small and too large for float16
import mlx.core as mx

h = mx.zeros((4,), dtype=mx.float16)
h[0] = 1e-9  # finds
h[1:] = 1e6  # finds
# case: beyond an unsigned byte
import mlx.core as mx

image = mx.zeros((4, 4), dtype=mx.uint8)
image[0, 0] = 256  # finds
image[1] = -1  # finds
# case: added in place
import mlx.core as mx

n = mx.array([1, 2])
n[0] += 0.25  # finds
# case: a parameter becomes a number
import mlx.core as mx
import mlx.nn as nn

class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = mx.ones((1,))

    def reset(self):
        self.scale = 1.0  # finds

    def __call__(self, x):
        return x * self.scale
# case: by at
import mlx.core as mx

n = mx.array([1, 2])
n = n.at[0].multiply(0.5)  # finds
