"""Compensated sums against exact ones: math.fsum, and fractions for products."""

import math
from fractions import Fraction

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judged import DTYPES, as_double, check_gradient, launches_of, rng

from anymetal import kernels

U = 2.0**-24
METHODS = ["kahan", "neumaier", "limbs"]


def wide(random, shape):
    """Numbers of very different sizes, so that a plain sum loses all of the small ones."""
    return (random.standard_normal(shape) * 10.0**random.uniform(-6, 6, shape)).astype(np.float32)


def bound(method, n):
    """Of the pair of limbs, relative to the sum of the terms' sizes (anymetal_kernels/compensated.h)."""
    joined = (20 + n / 2**17) * U**2
    return joined + {"kahan": 3 * U, "neumaier": 256**2 * U**2, "limbs": 512 * U**2}[method]


def exact_sum(terms):
    total = math.fsum(terms.astype(np.float64))
    return Fraction(total), math.fsum(np.abs(terms.astype(np.float64)))


def exact_dot(x, y):
    terms = [Fraction(float(p)) * Fraction(float(q)) for p, q in zip(x, y)]
    return sum(terms, Fraction(0)), float(sum(map(abs, terms), Fraction(0)))


def check(pair, exact, size, method, n):
    high, low = (float(each.item()) for each in pair)
    assert high == np.float32(high + low), "the high limb is the rounded sum"
    error = abs(float(Fraction(high) + Fraction(low) - exact))
    assert error <= bound(method, n) * size + 2.0**-52 * abs(float(exact)), (error, size)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [1, 2, 31, 33, 1021, 8192, 8193, 100003])
def test_sum(method, n):
    x = wide(rng(n), n)
    check(kernels.sum_limbs(mx.array(x), method=method), *exact_sum(x), method, n)


@pytest.mark.on_reference
@pytest.mark.parametrize("method", METHODS)
def test_what_a_plain_sum_loses(method):
    x = np.array([1.0] + [2.0**-25] * 999, np.float32)
    assert np.cumsum(x)[-1] == 1
    out, launches = launches_of(lambda: kernels.sum(mx.array(x), method=method))
    assert float(out) == np.float32(1 + 999 * 2.0**-25) and launches == 1


@pytest.mark.on_reference
@pytest.mark.parametrize("method", ["neumaier", "limbs"])
def test_cancellation(method):
    """1 + 1e30 - 1e30: Kahan's sum loses the 1."""
    x = np.zeros(97, np.float32)
    x[[0, 32, 64]] = [1.0, 1e30, -1e30]
    assert float(kernels.sum(mx.array(x), method=method)) == 1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [1, 3, 33, 1021, 10007])
def test_dot(method, n):
    x, y = wide(rng(n), n), wide(rng(n + 1), n)
    check(kernels.dot_limbs(mx.array(x), mx.array(y), method=method), *exact_dot(x, y), method, 2 * n)


@pytest.mark.parametrize("method", METHODS)
def test_dot_that_cancels(method):
    """Condition 1e8: the plain dot product has no right digit, Neumaier's all."""
    x, y = rng(5).standard_normal(2002).astype(np.float32), rng(6).standard_normal(2002).astype(np.float32)
    x[1001:], y[1001:] = x[:1001], -y[:1001]
    x[7] = np.float32(x[7] * (1 + 2.0**-22))
    exact, size = exact_dot(x, y)
    out = float(kernels.dot(mx.array(x), mx.array(y), method=method))
    assert abs(out - float(exact)) <= U * abs(float(exact)) + bound(method, 4004) * size
    assert size / abs(float(exact)) > 1e6
    if method != "kahan":
        assert out == pytest.approx(float(exact), rel=1e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("m,n", [(1, 1), (3, 17), (97, 131), (5, 9001)])
def test_gemv(method, m, n):
    a, x = wide(rng(m), (2, m, n)), wide(rng(n), (2, n))
    high, low = (as_double(each) for each in kernels.gemv_limbs(mx.array(a), mx.array(x), method=method))
    assert high.shape == (2, m)
    for b in range(2):
        for i in range(0, m, 13):
            exact, size = exact_dot(a[b, i], x[b])
            error = abs(float(Fraction(high[b, i]) + Fraction(low[b, i]) - exact))
            assert error <= bound(method, 2 * n) * size + 2.0**-52 * abs(float(exact))
    np.testing.assert_array_equal(as_double(kernels.gemv(mx.array(a), mx.array(x), method=method)), high)


@pytest.mark.parametrize("name", DTYPES)
def test_types_give_float32(name):
    x = mx.array(rng().standard_normal((3, 501)).astype(np.float32)).astype(DTYPES[name][0])
    out = kernels.sum(x, 1)
    assert out.dtype == mx.float32
    np.testing.assert_array_equal(np.array(out), [np.float32(math.fsum(row)) for row in as_double(x)])
    np.testing.assert_array_equal(np.array(kernels.dot(x, x)), [np.float32(math.fsum(row * row)) for row in as_double(x)])


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3, None])
def test_axes(axis):
    x = rng(8).standard_normal((5, 7, 11)).astype(np.float32)
    out = kernels.sum(mx.array(x), axis)
    np.testing.assert_allclose(as_double(out), x.astype(np.float64).sum(axis), rtol=U, atol=1e-12)
    assert out.shape == x.sum(axis).shape


@pytest.mark.on_reference
def test_empty():
    assert float(kernels.sum(mx.zeros((0,)))) == 0
    assert kernels.sum(mx.zeros((3, 0)), 1).tolist() == [0, 0, 0]
    assert kernels.sum(mx.zeros((3, 0)), 0).shape == (0,)
    assert kernels.dot(mx.zeros((2, 0)), mx.zeros((2, 0))).tolist() == [0, 0]
    assert kernels.gemv(mx.zeros((2, 0)), mx.zeros(0)).tolist() == [0, 0]
    assert kernels.gemv(mx.zeros((0, 3)), mx.zeros(3)).shape == (0,)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("values,expected", [([np.inf, 1.0], np.inf), ([-np.inf, 1e38], -np.inf), ([np.inf, -np.inf], np.nan), ([np.nan, 1.0], np.nan),
                                             ([3e38, 3e38], np.inf), ([1e-45, 1e-45], 2.8e-45)])
def test_special_values(method, values, expected):
    x = mx.array(np.array(values, np.float32))
    np.testing.assert_array_equal(np.array(kernels.sum(x, method=method)), np.float32(expected))
    np.testing.assert_array_equal(np.array(kernels.dot(x, mx.ones(2), method=method)), np.float32(expected))


@pytest.mark.on_reference
def test_gradients():
    a, x = (mx.array(rng(i).standard_normal(shape).astype(np.float32)) for i, shape in enumerate([(2, 3, 5), (2, 5)]))
    check_gradient(lambda a: kernels.sum(a, 1), [a], rng(2))
    check_gradient(kernels.sum, [a], rng(2))
    check_gradient(kernels.dot, [x, x[::-1]], rng(2))
    check_gradient(kernels.gemv, [a, x], rng(2))


@pytest.mark.on_reference
@pytest.mark.parametrize("mode", ["fast", "relaxed", "quick"])
@pytest.mark.parametrize("call", [lambda **how: kernels.sum(mx.ones(3), **how), lambda **how: kernels.dot(mx.ones(3), mx.ones(3), **how),
                                  lambda **how: kernels.gemv(mx.ones((3, 3)), mx.ones(3), **how)])
def test_modes_that_may_reassociate_are_refused(call, mode):
    with pytest.raises(ValueError, match=f'math_mode: "{mode}" was given; "safe"'):
        call(math_mode=mode)


@pytest.mark.on_reference
@pytest.mark.parametrize("call,words", [
    (lambda: kernels.sum(mx.ones(3), method="pairwise"), 'method: "pairwise" was given; "kahan", "neumaier" or "limbs"'),
    (lambda: kernels.sum(mx.ones(3), 1), r"axis: 1 was given; an axis of x, float32\[3\]"),
    (lambda: kernels.sum(mx.ones(3), -2), "axis: -2 was given"),
    (lambda: kernels.sum(mx.ones(3, mx.int32)), "x: int32"),
    (lambda: kernels.sum(mx.broadcast_to(mx.ones(1), (65536, 65536))), "x: .* fewer than 2.31"),
    (lambda: kernels.dot(mx.ones(3), mx.ones(4)), r"y: float32\[4\] was given; the shape of x"),
    (lambda: kernels.dot(mx.ones(3), mx.ones(3, mx.float16)), "y: float16.* the type of x"),
    (lambda: kernels.dot(mx.array(1.0), mx.array(1.0)), "x: .* dimensions"),
    (lambda: kernels.gemv(mx.ones(3), mx.ones(3)), "a: .* a matrix"),
    (lambda: kernels.gemv(mx.ones((3, 4)), mx.ones(3)), "x: .* a's 4 columns"),
])
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_views_are_read_as_they_are():
    x = rng(9).standard_normal((12, 40)).astype(np.float32)
    view = mx.array(x)[::2, ::-3]
    np.testing.assert_array_equal(np.array(kernels.sum(view, 1)), [np.float32(math.fsum(row)) for row in x[::2, ::-3].astype(np.float64)])
    assert float(kernels.sum(mx.broadcast_to(mx.array(0.1), (3, 5)))) == np.float32(15 * float(np.float32(0.1)))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-2.0**100, 2.0**100, width=32), min_size=1, max_size=100))
def test_any_numbers(values):
    x = np.array(values, np.float32)
    pair = kernels.sum_limbs(mx.array(x), method="limbs")
    exact, size = exact_sum(x)
    check(pair, exact, size, "limbs", len(values))
