# case: MLX's operators keep the type
import mlx.core as mx

h = mx.zeros((4,), dtype=mx.float16)
y = h * 2 + 1
z = h * 0.5 - 1e-3
f = mx.ones((3,))
g = f * 0.1 / 3
# case: quotients of integers are float32 anyway
import mlx.core as mx

x = mx.array([1, 2, 3])
y = x / 2.0
z = x // 2
# case: indices on the way to coordinates
import mlx.core as mx

t = mx.arange(10) * 0.5
angles = mx.arange(0, 64, 2)[None] * (1.0 / 64)
# case: loop indices are Python ints
import mlx.core as mx

x = mx.zeros((4,), dtype=mx.int32)
for i in range(4):
    x = x + i * 2
# case: an array of a number with the same type
import mlx.core as mx

h = mx.zeros((4,), dtype=mx.bfloat16)
half = mx.array(0.5, dtype=h.dtype)
y = h * half
z = h * mx.array(0.5, dtype=mx.bfloat16)
# case: inf is in every float
import mlx.core as mx

h = mx.zeros((4,), dtype=mx.float16)
y = mx.where(h > 0, h, -float("inf"))
z = mx.where(h > 0, h, -mx.inf)
# case: an unknown type
import mlx.core as mx

def f(x: mx.array):
    return x * 0.5 + 1e-8 + 70000
# case: cast before
import mlx.core as mx

x = mx.array([1, 2, 3]).astype(mx.float32)
y = x * 0.5
