# case: numbers that fit
import mlx.core as mx

counts = mx.zeros((4,), dtype=mx.int32)
counts[0] = 7
counts[1] = 2.0
image = mx.zeros((4, 4), dtype=mx.uint8)
image[0] = 255
# case: float arrays
import mlx.core as mx

h = mx.zeros((4,), dtype=mx.float16)
h[0] = 0.5
h[1] = float("-inf")
f = mx.zeros((4,))
f[0] = 1e-9
# case: a plain accumulator
import mlx.core as mx

total = 0.0
for x in [mx.ones((1,)), mx.zeros((1,))]:
    total = total + x
# case: NumPy's arrays and lists
import mlx.core as mx
import numpy as np

a = np.zeros(3, dtype=np.int32)
a[0] = 0.5
b = [1, 2]
b[0] = 0.5
# case: a setting of a module isn't a parameter
import mlx.core as mx
import mlx.nn as nn

class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.p = 0.1

    def loosen(self):
        self.p = 0.5
# case: by at, and it fits
import mlx.core as mx

n = mx.array([1, 2])
n = n.at[0].add(2)
x = mx.zeros((4,)).at[1].multiply(0.5)
