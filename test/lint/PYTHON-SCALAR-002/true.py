# case: a float makes integers float32
import mlx.core as mx

x = mx.array([1, 2, 3])
y = x * 0.5  # finds
z = mx.multiply(x, 0.25)  # finds
# case: too small for float16
import mlx.core as mx

def normalized(x: mx.array):
    h = x.astype(mx.float16)
    return h / (mx.sqrt(mx.mean(h * h)) + 1e-8)  # finds
# case: too large for float16
import mlx.core as mx

scores = mx.zeros((4, 4), dtype=mx.float16)
mask = mx.zeros((4, 4), dtype=mx.bool_)
scores = mx.where(mask, scores, -1e9)  # finds
# case: an int beyond the type
import mlx.core as mx

image = mx.zeros((8, 8, 3), dtype=mx.uint8)
brighter = image + 300  # finds
# case: an array of a number doesn't give way
import mlx.core as mx

h = mx.zeros((4,), dtype=mx.bfloat16)
two = mx.array(2.0, dtype=mx.float32)
y = mx.multiply(h, two)  # finds
# case: a negative power of integers
import mlx.core as mx

n = mx.array([1, 2, 4])
r = n ** -1  # finds
# case: NumPy's number is cut off
import mlx.core as mx
import numpy as np

n = mx.array([1, 2, 4])
r = n * np.float32(0.5)  # finds
# case: more bits than the type has
import mlx.core as mx

h = mx.ones((4,), dtype=mx.float16)
k = h + 2049  # finds
# case: mx.full takes the float's type
import mlx.core as mx

x = mx.full((4,), 0.5, dtype=mx.int32)  # finds
