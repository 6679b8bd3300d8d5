"""What the tests of this library share: matrices of known condition, oracles in double, differences for gradients."""

import mlx.core as mx
import numpy as np

EPS = 2.0**-24  # of float32: half the distance from 1 to the next
SIZES = [1, 2, 3, 7, 16, 17, 31, 32, 33, 64, 97, 128, 131, 257]
LARGE_SIZES = [512, 1021, 2048]
DTYPES = {"float32": (mx.float32, 2.0**-24), "float16": (mx.float16, 2.0**-11), "bfloat16": (mx.bfloat16, 2.0**-8)}


def rng(seed=0):
    return np.random.default_rng(seed)


def as_double(array):
    """An MLX array of any type as float64."""
    return np.array(array.astype(mx.float32)).astype(np.float64)


def orthogonal(n, k, random):
    q, r = np.linalg.qr(random.standard_normal((n, k)))
    return q * np.where(np.diag(r) < 0, -1, 1)


def with_condition(m, n, condition, random):
    """A float32 matrix whose singular values go from 1 to 1/condition in equal ratios."""
    k = min(m, n)
    s = np.logspace(0, -np.log10(condition), k) if k else np.ones(0)
    return (orthogonal(m, k, random) * s @ orthogonal(n, k, random).T).astype(np.float32)


def positive_definite(n, condition, random):
    q = orthogonal(n, n, random)
    a = q * np.logspace(0, -np.log10(condition), n) @ q.T
    return ((a + a.T) / 2).astype(np.float32)


def norm(a):
    return float(np.linalg.norm(a.reshape(-1))) if a.size else 0.0


def launches_of(call):
    """The result of call(), evaluated, and how many kernel launches it took."""
    import anymetal

    mx.synchronize()
    before = anymetal.launches()
    result = call()
    mx.eval(result)
    mx.synchronize()
    return result, anymetal.launches() - before


def check_gradient(function, inputs, random, step=1e-2, tolerance=2e-2):
    """Compares the VJP of `function` (arrays in, arrays out) with central differences along random directions.

    float32 differences are off by about eps/step + step^2, so the tolerance is relative to the slope's size."""
    outputs = function(*inputs)
    outputs = list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
    cotangents = [mx.array(random.standard_normal(each.shape).astype(np.float32)) for each in outputs]
    numbers = list(range(len(inputs)))

    def value(*arrays):
        made = function(*arrays)
        made = list(made) if isinstance(made, (tuple, list)) else [made]
        return sum(mx.sum(each * cotangent) for each, cotangent in zip(made, cotangents))
    gradients = mx.grad(value, argnums=numbers)(*inputs)
    gradients = gradients if isinstance(gradients, (tuple, list)) else [gradients]
    assert [each.shape for each in gradients] == [each.shape for each in inputs]
    for at in numbers:
        direction = random.standard_normal(inputs[at].shape).astype(np.float32)
        direction /= max(norm(direction), 1e-30) / np.sqrt(direction.size)
        ahead, behind = ([mx.array(np.array(each) + sign * step * direction) if i == at else each for i, each in enumerate(inputs)] for sign in (1, -1))
        expected = (doubles(function, ahead, cotangents) - doubles(function, behind, cotangents)) / (2 * step)
        actual = float(np.sum(as_double(gradients[at]) * direction))
        size = max(abs(expected), norm(as_double(gradients[at])), 1e-3)
        assert abs(actual - expected) <= tolerance * size, f"argument {at}: {actual} by the VJP, {expected} by differences"


def doubles(function, arrays, cotangents):
    made = function(*arrays)
    made = list(made) if isinstance(made, (tuple, list)) else [made]
    return sum(float(np.sum(as_double(each) * as_double(cotangent))) for each, cotangent in zip(made, cotangents))
