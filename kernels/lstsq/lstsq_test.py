"""lstsq against NumPy's (LAPACK's gelsd) in double.

Backward: the residual of the normal equations, |A^T (A x - b)| <= 8 k eps |A| (|A| |x| + |b|), k = max(m, n); for wide matrices |A x - b| <= 8 k eps |A| |x|, and
x lies in the rows' span. Forward, where A is well conditioned: as near to NumPy's."""

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judged import EPS, as_double, check_gradient, norm, rng, with_condition

from anymetal import kernels


def check(a, b):
    m, n = a.shape
    x = as_double(kernels.lstsq(mx.array(a), mx.array(b)))
    assert x.shape == (n, b.shape[1])
    left, right = a.astype(float), b.astype(float)
    bound = 8 * max(m, n) * EPS * norm(left)
    if m >= n:
        assert norm(left.T @ (left @ x - right)) <= bound * (norm(left) * norm(x) + norm(right))
    else:
        assert norm(left @ x - right) <= bound * norm(x)
        outside = x - np.linalg.lstsq(left, left @ x, rcond=None)[0]
        # The rows' span itself moves by the condition when A is off by a rounding.
        assert norm(outside) <= 8 * max(m, n) * EPS * norm(x) * np.linalg.cond(left)
    return x


@pytest.mark.on_reference
@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
def test_small(shape):
    a, b = rng(1).standard_normal(shape).astype(np.float32), rng(2).standard_normal((shape[0], 2)).astype(np.float32)
    np.testing.assert_allclose(check(a, b), np.linalg.lstsq(a.astype(float), b.astype(float), rcond=None)[0], atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (97, 31), (31, 97), (131, 131), (257, 64), (64, 257), (1021, 40), (2048, 17)])
@pytest.mark.parametrize("k", [1, 5])
def test_sizes(shape, k):
    check(with_condition(*shape, 20, rng(shape[0])), rng(k).standard_normal((shape[0], k)).astype(np.float32))


@pytest.mark.parametrize("condition", [1, 1e3, 1e5])
@pytest.mark.parametrize("shape", [(120, 30), (30, 120)])
def test_conditions(shape, condition):
    check(with_condition(*shape, condition, rng(3)), rng(4).standard_normal((shape[0], 3)).astype(np.float32))


@pytest.mark.parametrize("shape", [(3, 20, 7), (2, 2, 7, 20)])
def test_batches(shape):
    a, b = rng(5).standard_normal(shape).astype(np.float32), rng(6).standard_normal((*shape[:-1], 4)).astype(np.float32)
    x = as_double(kernels.lstsq(mx.array(a), mx.array(b)))
    np.testing.assert_allclose(x, np.linalg.pinv(a.astype(float)) @ b, atol=1e-3)


@pytest.mark.on_reference
def test_empty():
    for m, n, k in ((0, 3, 2), (3, 0, 2), (3, 2, 0)):
        x = kernels.lstsq(mx.zeros((m, n)), mx.zeros((m, k)))
        assert x.shape == (n, k) and not np.any(np.array(x))


@pytest.mark.parametrize("shape", [(7, 4), (4, 7), (5, 5)])
def test_gradient(shape):
    random = rng(7)
    a, b = mx.array(with_condition(*shape, 4, random)), mx.array(random.standard_normal((shape[0], 2)).astype(np.float32))
    check_gradient(lambda x, y: kernels.lstsq(x, y, check=False), [a, b], random, step=1e-3)


def test_under_compile():
    a, b = (mx.array(rng(i).standard_normal(shape).astype(np.float32)) for i, shape in enumerate([(20, 5), (20, 2)]))
    np.testing.assert_allclose(np.array(mx.compile(lambda x, y: kernels.lstsq(x, y))(a, b)), np.array(kernels.lstsq(a, b)), rtol=1e-5, atol=1e-6)


@pytest.mark.on_reference
def test_a_rank_that_is_not_full():
    a = rng(8).standard_normal((6, 4)).astype(np.float32)
    a[:, 2] = a[:, 0] + a[:, 1]
    with pytest.raises(ValueError, match=r"\[anymetal\.kernels\.lstsq\] a: float32\[6, 4\], whose column 2 depends on those before it, was given; full rank is wanted"):
        kernels.lstsq(mx.array(a), mx.zeros((6, 1)))
    with pytest.raises(ValueError, match="whose row 2 "):
        kernels.lstsq(mx.array(a.T), mx.zeros((4, 1)))
    with pytest.raises(ValueError, match=r"whose column 2 \(in matrix 1\) "):
        kernels.lstsq(mx.array(np.stack([np.eye(6, 4, dtype=np.float32), a])), mx.zeros((2, 6, 1)))
    assert kernels.lstsq(mx.array(a), mx.ones((6, 1)), check=False).shape == (4, 1)


@pytest.mark.on_reference
def test_what_is_not_finite_stays_in_its_column():
    a, b = rng(9).standard_normal((6, 3)).astype(np.float32), np.ones((6, 2), np.float32)
    b[3, 1] = np.nan
    x = np.array(kernels.lstsq(mx.array(a), mx.array(b)))
    assert np.all(np.isfinite(x[:, 0])) and np.all(np.isnan(x[:, 1]))


@pytest.mark.on_reference
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_matrix_that_is_not_finite(value):
    a = rng(10).standard_normal((6, 3)).astype(np.float32)
    a[2, 1] = value
    try:
        assert not np.all(np.isfinite(np.array(kernels.lstsq(mx.array(a), mx.ones((6, 1))))))
    except ValueError as error:
        assert "full rank is wanted" in str(error)


@pytest.mark.on_reference
def test_right_sides_of_denormals():
    a = rng(11).standard_normal((6, 3)).astype(np.float32)
    b = (rng(12).standard_normal((6, 1)) * 1e-40).astype(np.float32)
    np.testing.assert_allclose(as_double(kernels.lstsq(mx.array(a), mx.array(b))), np.linalg.lstsq(a.astype(float), b.astype(float), rcond=None)[0], atol=1e-43)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 4), st.integers(0, 2**31))
def test_any_system(m, n, k, seed):
    random = np.random.default_rng(seed)
    check(with_condition(m, n, 10, random), random.standard_normal((m, k)).astype(np.float32))


@pytest.mark.on_reference
@pytest.mark.parametrize("first,second,words", [
    ((3,), (3, 1), r"a: float32\[3\] was given; a matrix"),
    ((3, 2), (3,), r"b: float32\[3\] was given; a matrix"),
    ((3, 2), (4, 1), r"b: float32\[4, 1\] was given; the batch and the rows of a, float32\[3, 2\], is wanted"),
    ((2, 3, 2), (3, 1), r"b: float32\[3, 1\] was given; the batch and the rows of a"),
])
def test_shapes_that_do_not_fit(first, second, words):
    with pytest.raises(ValueError, match=r"\[anymetal\.kernels\.lstsq\] " + words):
        kernels.lstsq(mx.zeros(first), mx.zeros(second))


@pytest.mark.on_reference
def test_types_that_do_not_fit():
    with pytest.raises(ValueError, match=r"a: float16\[2, 2\] was given; float32 is wanted"):
        kernels.lstsq(mx.zeros((2, 2), dtype=mx.float16), mx.zeros((2, 2)))
