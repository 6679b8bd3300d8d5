# case: item
import mlx.core as mx

def step(x):
    y = mx.exp(x)
    scale = y.max().item()  # finds
    return y / scale
# case: float, int, bool of an array
import mlx.core as mx

def f(x: mx.array):
    a = float(x[0])  # finds
    b = int(mx.argmax(x))  # finds
    c = bool(mx.any(x > 0))  # finds
    return mx.zeros((b,)) if c else x * a
# case: a branch by an array
import mlx.core as mx

def clipped(x, threshold):
    x = x.astype(mx.float32)
    if x.max() > threshold:  # finds
        x = mx.minimum(x, threshold)
    return x
# case: there and back again
import mlx.core as mx

x = mx.array([1, 2, 3])
val = x[0].item()  # finds
y = mx.array(val)  # finds
# case: NumPy in a layer
import mlx.core as mx
import mlx.nn as nn
import numpy as np

class Layer(nn.Module):
    def __call__(self, x: mx.array):
        order = np.array(x)  # finds
        return mx.array(np.sort(order))
# case: NumPy on the left takes over
import mlx.core as mx
import numpy as np

def scaled(x: mx.array, d):
    return np.sqrt(2.0) * x  # finds
def weighted(x: mx.array):
    return np.float32(0.5) * x  # finds
# case: Python's max compares
import mlx.core as mx

a = mx.array(1.0)
b = mx.exp(a)
c = max(a, b)  # finds
# case: names are followed through self and functions
import mlx.core as mx
import mlx.nn as nn

class Model(nn.Module):
    def __init__(self):
        self.gate = mx.zeros((1,))

    def open(self):
        return mx.sigmoid(self.gate)

    def __call__(self, x):
        if self.open() > 0.5:  # finds
            return x
        return -x
# case: in a loop
import mlx.core as mx

def train(batches, loss_of):
    total = 0.0
    for batch in batches:
        total += mx.mean(batch).item()  # finds
    return total
# case: math functions
import math
import mlx.core as mx

x = mx.random.normal((1,))
y = math.exp(x)  # finds
# case: tolist in a loop
import mlx.core as mx

def rows(masks: mx.array, n):
    found = []
    for i in range(n):
        found.append(masks[i].tolist())  # finds
    return found
