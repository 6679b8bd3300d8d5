# case: on the CPU's stream
import mlx.core as mx

with mx.stream(mx.cpu):
    x = mx.array([0.1], dtype=mx.float64)
# case: the module works on the CPU
import mlx.core as mx

mx.set_default_device(mx.cpu)
x = mx.zeros((4,), dtype=mx.float64)
# case: NumPy has float64
import mlx.core as mx
import numpy as np

x = np.zeros(3, dtype=np.float64)
y = mx.array(x.astype(np.float32))
# case: float32
import mlx.core as mx

x = mx.zeros((4,), dtype=mx.float32)
# case: a question
import mlx.core as mx

def is_double(x: mx.array):
    return x.dtype == mx.float64
