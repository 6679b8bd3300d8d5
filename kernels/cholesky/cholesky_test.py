"""cholesky against its definition in double. The bound is componentwise and backward: |L L^T - A| <= 2 n eps |L| |L|^T."""

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judged import EPS, SIZES, as_double, check_gradient, positive_definite, rng

from anymetal import kernels


def check(a, upper):
    """`a`: float32, symmetric."""
    n = len(a)
    dirty = a.copy()  # nobody may read the other triangle
    dirty[np.tril_indices(n, -1) if upper else np.triu_indices(n, 1)] = np.nan
    f = as_double(kernels.cholesky(mx.array(dirty), upper=upper))
    lower = f.T if upper else f
    assert not np.any(np.triu(lower, 1)) and np.all(np.diag(lower) > 0)
    worst = np.max(np.abs(lower @ lower.T - a) / (2 * n * EPS * (np.abs(lower) @ np.abs(lower).T)), initial=0)
    assert worst <= 1, f"{worst} times the bound"


@pytest.mark.on_reference
@pytest.mark.parametrize("upper", [False, True])
def test_small(upper):
    check(positive_definite(7, 10, rng()), upper)


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("n", SIZES)
def test_sizes(n, upper):
    check(positive_definite(n, 100, rng(n)), upper)


@pytest.mark.parametrize("n,upper", [(512, False), (1021, True), (2048, False)])
def test_large(n, upper):
    random = rng(n)
    a = random.standard_normal((n, n + 8)).astype(np.float32)
    check((a @ a.T / n).astype(np.float32), upper)


@pytest.mark.parametrize("condition", [1, 1e3, 1e5])
def test_conditions(condition):
    check(positive_definite(150, condition, rng(2)), False)


def test_condition_of_1e7():
    """So near to singular that rounding A may make it indefinite: either is right, and an error says so."""
    for seed in range(6):
        try:
            check(positive_definite(100, 1e7, rng(seed)), True)
        except kernels.NotPositiveDefiniteError as error:
            assert error.leading_minor > 30


def test_batches():
    a = np.stack([positive_definite(70, 50, rng(i)) for i in range(6)]).reshape(2, 3, 70, 70)
    f = as_double(kernels.cholesky(mx.array(a)))
    np.testing.assert_allclose(f @ np.swapaxes(f, -1, -2), a, atol=1e-5)
    small = np.stack([positive_definite(8, 50, rng(i)) for i in range(33)])
    np.testing.assert_allclose(as_double(kernels.cholesky(mx.array(small))), np.linalg.cholesky(small.astype(float)), atol=1e-5)


@pytest.mark.on_reference
def test_empty():
    assert kernels.cholesky(mx.zeros((0, 0))).shape == (0, 0)
    assert kernels.cholesky(mx.zeros((0, 3, 3))).shape == (0, 3, 3)


@pytest.mark.parametrize("n,minor", [(5, 1), (5, 3), (64, 64), (65, 65), (200, 131)])
def test_the_minor_that_is_not_positive_is_named(n, minor):
    a = positive_definite(n, 10, rng(n))
    a[minor - 1, minor - 1] = -1
    for upper in (False, True):
        with pytest.raises(kernels.NotPositiveDefiniteError, match=rf"a: float32\[{n}, {n}\] was given, which isn't positive definite: its leading minor of order {minor} ") as caught:
            kernels.cholesky(mx.array(a), upper=upper)
        assert caught.value.leading_minor == minor and caught.value.matrix == 0
        assert isinstance(caught.value, ValueError)


@pytest.mark.on_reference
def test_which_matrix_of_a_batch_is_named():
    a = np.stack([np.eye(3, dtype=np.float32)] * 4)
    a[2, 1, 1] = 0
    with pytest.raises(kernels.NotPositiveDefiniteError, match="whose matrix 2 isn't positive definite: its leading minor of order 2 ") as caught:
        kernels.cholesky(mx.array(a))
    assert (caught.value.matrix, caught.value.leading_minor) == (2, 2)
    made = np.array(kernels.cholesky(mx.array(a), check=False))
    np.testing.assert_array_equal(made[[0, 1, 3]], a[[0, 1, 3]])
    assert np.isnan(made[2, 1, 1])


@pytest.mark.on_reference
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0, -0.0])
def test_special_values(value):
    a = np.eye(4, dtype=np.float32)
    a[1, 1] = value
    with pytest.raises(kernels.NotPositiveDefiniteError) as caught:
        kernels.cholesky(mx.array(a))
    assert caught.value.leading_minor == 2


@pytest.mark.on_reference
def test_denormals():
    a = np.diag(np.array([4.0, 1e-40, 1e30], np.float32))
    np.testing.assert_allclose(np.diag(as_double(kernels.cholesky(mx.array(a)))), np.sqrt(np.diag(a).astype(float)), rtol=1e-6)


def test_views():
    a = positive_definite(40, 10, rng(3))
    wide = np.zeros((40, 80), np.float32)
    wide[:, ::2] = a
    np.testing.assert_array_equal(np.array(kernels.cholesky(mx.array(wide)[:, ::2])), np.array(kernels.cholesky(mx.array(a))))


@pytest.mark.parametrize("upper", [False, True])
def test_gradient(upper):
    random = rng(4)
    a = mx.array(positive_definite(6, 4, random))
    # Differences must stay symmetric.
    check_gradient(lambda x: kernels.cholesky((x + x.T) / 2, upper=upper), [a], random, step=3e-3)


def test_under_compile_failures_are_nan():
    function = mx.compile(lambda x: kernels.cholesky(x) * 2)
    a = positive_definite(20, 10, rng(5))
    np.testing.assert_allclose(np.array(function(mx.array(a))), 2 * np.array(kernels.cholesky(mx.array(a))), rtol=1e-6)
    assert np.isnan(np.array(function(mx.array(-a)))).any()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 130), st.floats(0, 4), st.booleans(), st.integers(0, 2**31))
def test_any_matrix(n, exponent, upper, seed):
    check(positive_definite(n, 10.0**exponent, np.random.default_rng(seed)), upper)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 70), st.integers(-20, 20), st.integers(0, 2**31))
def test_powers_of_four_change_nothing_else(n, power, seed):
    a = positive_definite(n, 100, np.random.default_rng(seed))
    np.testing.assert_array_equal(np.array(kernels.cholesky(mx.array(a * np.float32(4.0**power)))), np.array(kernels.cholesky(mx.array(a))) * np.float32(2.0**power))


@pytest.mark.on_reference
@pytest.mark.parametrize("shape,words", [((3,), "a matrix, or a batch"), ((3, 4), "a square matrix"), ((2, 3, 4), "a square matrix")])
def test_shapes_that_do_not_fit(shape, words):
    with pytest.raises(ValueError, match=r"\[anymetal\.kernels\.cholesky\] a: float32\[.*\] was given; " + words):
        kernels.cholesky(mx.zeros(shape))


@pytest.mark.on_reference
@pytest.mark.parametrize("dtype", [mx.float16, mx.bfloat16, mx.int32])
def test_types_that_do_not_fit(dtype):
    with pytest.raises(ValueError, match=r"a: \S+\[2, 2\] was given; float32 is wanted"):
        kernels.cholesky(mx.eye(2).astype(dtype))
