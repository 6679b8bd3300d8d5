"""solve_triangular against NumPy in double. The bound is componentwise and backward: |T x - b| <= 2 n eps |T| |x|."""

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judged import EPS, SIZES, as_double, check_gradient, rng, with_condition

from anymetal import kernels

WAYS = [(False, False), (False, True), (True, False), (True, True)]


def triangle(n, upper, random, condition=None):
    """From a QR factorisation, so that it is as well conditioned as asked; the other side holds NaN, since nobody may read it."""
    if n > 300:  # quickly
        r = (np.triu(random.standard_normal((n, n), dtype=np.float32)) / np.float32(n**0.5) + 2 * np.eye(n, dtype=np.float32))
        return both_sides(r, upper)
    full = with_condition(n, n, condition or 10, random).astype(np.float64)
    r = np.linalg.qr(full)[1].astype(np.float32)
    return both_sides(r, upper)


def both_sides(r, upper):
    n = len(r)
    t = np.triu(r) if upper else np.triu(r).T.copy()
    other = np.tril(np.ones((n, n), bool), -1) if upper else np.triu(np.ones((n, n), bool), 1)
    dirty = t.copy()
    dirty[other] = np.nan
    return t, dirty


def check(n, k, way, random=None, condition=None):
    upper, transpose = way
    random = random or rng(n + 3 * k)
    t, dirty = triangle(n, upper, random, condition)
    b = random.standard_normal((n, k)).astype(np.float32)
    x = as_double(kernels.solve_triangular(mx.array(dirty), mx.array(b), upper=upper, transpose=transpose))
    assert x.shape == (n, k)
    left = (t.T if transpose else t).astype(np.float64)
    worst = np.max(np.abs(left @ x - b) / (2 * n * EPS * (np.abs(left) @ np.abs(x)) + 1e-37), initial=0)
    assert worst <= 1, f"{worst} times the bound"


@pytest.mark.on_reference
@pytest.mark.parametrize("way", WAYS)
def test_small(way):
    check(5, 3, way)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("n", SIZES)
def test_sizes(n, way):
    check(n, 1 if n % 2 else 37, way)


@pytest.mark.parametrize("way", WAYS)
def test_large(way):
    check(521, 33, way)


def test_2048():
    check(2048, 3, (False, False))


@pytest.mark.parametrize("condition", [1, 1e3, 1e7])
def test_conditions(condition):
    check(200, 20, (True, False), condition=condition)


@pytest.mark.parametrize("way", WAYS)
def test_batches(way):
    random = rng(1)
    made = [triangle(70, way[0], random)[0] for _ in range(6)]
    t, b = np.stack(made).reshape(2, 3, 70, 70), random.standard_normal((2, 3, 70, 5)).astype(np.float32)
    x = as_double(kernels.solve_triangular(mx.array(t), mx.array(b), upper=way[0], transpose=way[1]))
    exact = np.linalg.solve((np.swapaxes(t, -1, -2) if way[1] else t).astype(float), b.astype(float))
    np.testing.assert_allclose(x, exact, rtol=1e-4, atol=1e-4)
    one = as_double(kernels.solve_triangular(mx.array(t[0, 0]), mx.array(b), upper=way[0], transpose=way[1]))
    np.testing.assert_allclose(one[0, 0], x[0, 0], rtol=1e-6)


@pytest.mark.on_reference
def test_empty():
    assert kernels.solve_triangular(mx.zeros((0, 0)), mx.zeros((0, 3))).shape == (0, 3)
    assert kernels.solve_triangular(mx.eye(3), mx.zeros((3, 0))).shape == (3, 0)


@pytest.mark.on_reference
def test_special_values():
    """As a division has them: zeros on the diagonal, what is infinite, NaN in its own column alone."""
    x = np.array(kernels.solve_triangular(mx.array([[0.0, 0.0], [0.0, 2.0]]), mx.array([[1.0, 0.0], [1.0, 4.0]])))
    assert x[0, 0] == np.inf and np.isnan(x[0, 1])
    b = np.ones((4, 3), np.float32)
    b[1, 2] = np.nan
    x = np.array(kernels.solve_triangular(mx.eye(4), mx.array(b)))
    np.testing.assert_array_equal(x[:, :2], b[:, :2])
    assert np.isnan(x[1, 2]) and x[0, 2] == 1
    tiny = np.full((2, 1), 1e-40, np.float32)
    np.testing.assert_array_equal(np.array(kernels.solve_triangular(mx.eye(2), mx.array(tiny))), tiny)
    assert np.array(kernels.solve_triangular(mx.array([[1e-39]]), mx.array([[1e-39]])))[0, 0] == pytest.approx(1, rel=1e-5)  # the inverse overflows


def test_views():
    t, _ = triangle(80, True, rng(2))
    b = rng(3).standard_normal((40, 80)).astype(np.float32)
    x = as_double(kernels.solve_triangular(mx.array(t).T, mx.array(b).T))
    np.testing.assert_allclose(t.T.astype(float) @ x, b.T, atol=1e-4)


@pytest.mark.parametrize("way", WAYS)
def test_gradient(way):
    random = rng(4)
    t, _ = triangle(6, way[0], random, 4)
    mask = mx.array((np.triu if way[0] else np.tril)(np.ones((6, 6), np.float32)))
    # The other side is never read; the mask takes it out of the differences.
    check_gradient(lambda a, b: kernels.solve_triangular(a * mask, b, upper=way[0], transpose=way[1]),
                   [mx.array(t), mx.array(random.standard_normal((6, 3)).astype(np.float32))], random, step=3e-3)


def test_gradient_of_one_matrix_for_a_batch():
    random = rng(5)
    t, _ = triangle(5, False, random, 4)
    mask = mx.tril(mx.ones((5, 5)))
    check_gradient(lambda a, b: kernels.solve_triangular(a * mask, b), [mx.array(t), mx.array(random.standard_normal((3, 5, 2)).astype(np.float32))], random,
                   step=3e-3)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 140), st.integers(1, 40), st.sampled_from(WAYS), st.integers(0, 2**31))
def test_any_sizes(n, k, way, seed):
    check(n, k, way, np.random.default_rng(seed))


@pytest.mark.on_reference
@pytest.mark.parametrize("first,second,words", [
    ((3,), (3, 1), r"a: float32\[3\] was given"),
    ((3, 4), (3, 1), r"a: float32\[3, 4\] was given; a square matrix"),
    ((3, 3), (3,), r"b: float32\[3\] was given"),
    ((3, 3), (4, 1), r"b: float32\[4, 1\] was given; 3 rows, those of a, float32\[3, 3\], is wanted"),
    ((2, 3, 3), (3, 3, 1), r"b: float32\[3, 3, 1\] was given; the batch of a"),
])
def test_shapes_that_do_not_fit(first, second, words):
    with pytest.raises(ValueError, match=r"\[anymetal\.kernels\.solve_triangular\] " + words):
        kernels.solve_triangular(mx.zeros(first), mx.zeros(second))


@pytest.mark.on_reference
def test_types_that_do_not_fit():
    for a, b, name in ((mx.float16, mx.float32, "a"), (mx.float32, mx.int32, "b")):
        with pytest.raises(ValueError, match=rf"{name}: \S+\[2, 2\] was given; float32 is wanted"):
            kernels.solve_triangular(mx.zeros((2, 2), dtype=a), mx.zeros((2, 2), dtype=b))
