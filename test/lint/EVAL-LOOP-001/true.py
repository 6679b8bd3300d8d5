# case: power iteration
import mlx.core as mx

def power(a: mx.array, v: mx.array):
    for _ in range(20):
        v = a @ v
        v = v / mx.linalg.norm(v)
        mx.eval(v)  # finds
    return v
# case: a sum
import mlx.core as mx

total = mx.zeros((4,))
for i in range(100):
    total = total + mx.ones((4,)) * i
    mx.eval(total)  # finds
# case: two at a time
import mlx.core as mx

def iterate(x: mx.array, y: mx.array, n):
    for _ in range(n):
        x, y = mx.cos(y), mx.sin(x)
        mx.eval(x, y)  # finds
    return x + y
