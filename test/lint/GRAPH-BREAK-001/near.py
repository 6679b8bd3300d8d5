# case: what is printed has to leave the graph
import mlx.core as mx

x = mx.random.normal((8,))
print(f"mean {x.mean().item():.3f}", float(x.max()))
# case: evaluated before, on purpose
import mlx.core as mx

def generate(x: mx.array):
    y = mx.argmax(x)
    mx.eval(y)
    token = y.item()
    return mx.zeros((token,))
# case: a function that returns a number
import mlx.core as mx

def loss(a: mx.array, b: mx.array) -> float:
    return mx.mean(mx.abs(a - b)).item()
# case: sizes are Python numbers
import mlx.core as mx

def f(x: mx.array):
    n, m = int(x.shape[0]), float(x.size)
    if x.ndim == 2 and n > 3:
        return x / m
    return x
# case: NumPy's own arrays
import mlx.core as mx
import numpy as np

a = np.zeros(3)
if a.max() > 0:
    b = float(a[0])
    c = a[1].item()
d = mx.array(a)
# case: an assertion
import mlx.core as mx

def check(a: mx.array, b: mx.array):
    assert mx.allclose(a, b)
    assert a.max().item() < 1
# case: None isn't a truth
import mlx.core as mx

def f(x: mx.array, mask=None):
    if mask is not None:
        x = mx.where(mask, x, 0)
    return x
# case: unknown things
import mlx.core as mx
from other import something

def f(x):
    if x > 3:
        return x.item()
    return float(something(x))
# case: silenced
import mlx.core as mx

x = mx.array([1.0])
y = x.sum().item() + 1  # anymetal: ignore[GRAPH-BREAK-001]
# case: only shown
import mlx.core as mx

def report(x: mx.array):
    mean = x.mean().item()
    print("mean", mean)
# case: isinstance tells
import mlx.core as mx

def as_number(x):
    y = mx.ones((2,)) if x is None else x
    if isinstance(x, float):
        return float(x)
    return y
# case: made of Python's values, it is there already
import mlx.core as mx

def pad(lengths):
    lengths = mx.array(lengths)
    return mx.zeros((lengths.item(),))
# case: computed with what was evaluated
import mlx.core as mx

def step(logits: mx.array, embed):
    token = mx.argmax(logits)
    inputs = mx.take(logits, token)
    mx.eval(inputs)
    n = int(token)
    return mx.zeros((n,)) + inputs
# case: results leave as lists
import mlx.core as mx
import numpy as np

def rows(x: mx.array):
    values = mx.softmax(x, axis=-1).tolist()
    return [np.array(x), values[0]]
# case: an array is no word, and that is known at once
import mlx.core as mx

def attend(x: mx.array, mask: mx.array):
    if mask is None or mask == "causal" or isinstance(mask, mx.array):
        return mx.softmax(x, axis=-1)
    return x
