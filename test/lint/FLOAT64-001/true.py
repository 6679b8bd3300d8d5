# case: made
import mlx.core as mx

x = mx.zeros((4,), dtype=mx.float64)  # finds
# case: cast
import mlx.core as mx

def f(x: mx.array):
    return x.astype(mx.float64).sum()  # finds
# case: of a list
import mlx.core as mx

x = mx.array([0.1, 0.2], dtype=mx.float64)  # finds
# case: by position
from mlx.core import array, float64

x = array([0.1], float64)  # finds
