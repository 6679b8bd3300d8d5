"""qr against its definition in double, by norms of Frobenius: |QR - A| <= 4 k eps |A| and |Q^T Q - I| <= 4 k eps, k = max(m, n); R is upper triangular to the bit."""

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judged import DTYPES, EPS, SIZES, as_double, check_gradient, launches_of, norm, rng, with_condition

from anymetal import kernels


def check(a, **options):
    m, n = a.shape
    k = min(m, n)
    q, r = (as_double(each) for each in kernels.qr(mx.array(a), **options))
    columns = m if options.get("complete") else k
    assert q.shape == (m, columns) and r.shape == (columns, n)
    assert not np.any(np.tril(r, -1))
    bound = 4 * max(m, n) * EPS
    assert norm(q @ r - a) <= bound * norm(a)
    assert norm(q.T @ q - np.eye(columns)) <= bound
    return q, r


def normal(m, n, seed=0):
    return rng(seed + 31 * m + n).standard_normal((m, n)).astype(np.float32)


@pytest.mark.on_reference
@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
def test_small(shape):
    check(normal(*shape))
    check(normal(*shape), complete=True)


@pytest.mark.parametrize("n", SIZES)
def test_square(n):
    check(normal(n, n))


@pytest.mark.parametrize("complete", [False, True])
@pytest.mark.parametrize("shape", [(1, 7), (7, 1), (97, 1), (1, 97), (131, 17), (17, 131), (257, 64), (64, 257), (300, 33), (100, 90)])
def test_tall_and_wide(shape, complete):
    check(normal(*shape), complete=complete)


@pytest.mark.parametrize("shape", [(512, 512), (1021, 67), (67, 1021), (2048, 40), (800, 781)])
def test_large(shape):
    check(normal(*shape))


@pytest.mark.parametrize("condition,method", [*((condition, "householder") for condition in (1, 1e3, 1e6, 1e7)), (1e3, "gram_schmidt"), (1e6, "gram_schmidt")])
def test_conditions(condition, method):
    a = with_condition(300, 40, condition, rng(1))
    q, _ = check(a, method=method)
    assert np.max(np.abs(q.T @ q - np.eye(40))) < 1e-5 and np.linalg.norm(q.T @ q - np.eye(40), 2) < 1e-5


def test_gram_schmidt_at_condition_1e7():
    """Columns of which no more is left than rounding count as dependent; the others are orthonormal."""
    a = with_condition(300, 40, 1e7, rng(1))
    q, r = (as_double(each) for each in kernels.qr(mx.array(a), method="gram_schmidt"))
    kept = q[:, np.diag(r) > 0]
    assert kept.shape[1] >= 35 and norm(kept.T @ kept - np.eye(kept.shape[1])) < 1e-5
    assert norm(q @ r - a) <= 4 * 300 * EPS * norm(a)


def test_orthogonality_at_condition_1e6():
    q, _ = check(with_condition(512, 512, 1e6, rng(2)))
    assert np.linalg.norm(q.T @ q - np.eye(512), 2) < 1e-5


@pytest.mark.parametrize("rank", [0, 1, 5])
@pytest.mark.parametrize("shape", [(40, 20), (20, 40), (33, 33)])
def test_rank_deficient(shape, rank):
    a = (rng(rank).standard_normal((shape[0], rank)) @ rng(rank + 1).standard_normal((rank, shape[1]))).astype(np.float32)
    check(a)
    check(a, complete=True)


def test_columns_that_repeat_by_gram_schmidt():
    a = normal(30, 8)
    a[:, 3] = 2 * a[:, 1]
    a[:, 5] = 0
    q, r = (as_double(each) for each in kernels.qr(mx.array(a), method="gram_schmidt"))
    assert norm(q @ r - a) <= 120 * EPS * norm(a)
    np.testing.assert_array_equal(np.flatnonzero(np.diag(r) == 0), [3, 5])
    assert not np.any(q[:, [3, 5]])
    kept = np.delete(q, [3, 5], 1)
    assert norm(kept.T @ kept - np.eye(6)) < 1e-5


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (64, 40), (131, 65)])
def test_gram_schmidt(shape):
    _, r = check(normal(*shape), method="gram_schmidt")
    assert np.all(np.diag(r) > 0)


@pytest.mark.parametrize("shape", [(3, 20, 12), (2, 2, 70, 70), (5, 12, 20)])
def test_batches(shape):
    a = rng(3).standard_normal(shape).astype(np.float32)
    for complete in (False, True):
        q, r = (as_double(each) for each in kernels.qr(mx.array(a), complete=complete))
        np.testing.assert_allclose(q @ r, a, atol=2e-5)
        np.testing.assert_allclose(np.swapaxes(q, -1, -2) @ q, np.broadcast_to(np.eye(q.shape[-1]), (*shape[:-2], q.shape[-1], q.shape[-1])), atol=1e-5)
    if shape[-2] >= shape[-1] and len(shape) == 3:
        q, r = (as_double(each) for each in kernels.qr(mx.array(a), method="gram_schmidt"))
        np.testing.assert_allclose(q @ r, a, atol=2e-5)


@pytest.mark.on_reference
def test_empty():
    for shape in ((0, 3), (3, 0), (0, 0), (0, 2, 2)):
        q, r = kernels.qr(mx.zeros(shape))
        assert q.shape == (*shape[:-1], min(shape[-2:])) and r.shape == (*shape[:-2], min(shape[-2:]), shape[-1])
    np.testing.assert_array_equal(np.array(kernels.qr(mx.zeros((3, 0)), complete=True)[0]), np.eye(3))


@pytest.mark.on_reference
@pytest.mark.parametrize("scale", [1e-38, 1e-30, 1e30, 1e37])
def test_scales(scale):
    """Squares would overflow or vanish."""
    a = (normal(6, 4) * scale).astype(np.float32)
    q, r = (as_double(each) for each in kernels.qr(mx.array(a)))
    assert norm(q.T @ q - np.eye(4)) < 1e-5 and norm(q @ r / scale - a / np.float64(scale)) < 1e-5


@pytest.mark.on_reference
def test_denormals():
    a = np.array([[3e-41, 1e-41], [4e-41, 0]], np.float32)
    q, r = (as_double(each) for each in kernels.qr(mx.array(a)))
    assert norm(q.T @ q - np.eye(2)) < 1e-4 and abs(abs(r[0, 0]) - 5e-41) < 1e-44


@pytest.mark.on_reference
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_shows(value):
    a = normal(5, 3)
    a[2, 1] = value
    q, r = (np.array(each) for each in kernels.qr(mx.array(a)))
    assert np.isfinite(r[0, 0]) and not np.all(np.isfinite(r[:, 1]))


def test_views():
    a = normal(40, 60)
    q, r = (as_double(each) for each in kernels.qr(mx.array(a).T[::2]))
    np.testing.assert_allclose(q @ r, a.T[::2], atol=2e-5)


def test_launches():
    a = mx.array(normal(96, 96))
    mx.eval(a)
    # Two panels: a launch each and for their rows of R, two products and T for the columns right of the first; two for the second one's Q, three for the first one's.
    assert launches_of(lambda: kernels.qr(a))[1] == 2 + 2 + 3 + 2 + 3
    assert launches_of(lambda: kernels.qr(a[:, :20]))[1] == 3


@pytest.mark.parametrize("shape", [(5, 5), (7, 4), (3, 6)])
def test_gradient(shape):
    random = rng(4)
    a = mx.array(with_condition(*shape, 5, random))
    check_gradient(kernels.qr, [a], random, step=1e-3)


def test_the_complete_q_is_not_differentiable():
    with pytest.raises(ValueError, match="ask for complete=False"):
        mx.grad(lambda x: mx.sum(kernels.qr(x, complete=True)[0]))(mx.array(normal(4, 2)))


def test_under_compile():
    a = mx.array(normal(20, 10))
    q, r = mx.compile(lambda x: kernels.qr(x))(a)
    np.testing.assert_allclose(as_double(q) @ as_double(r), as_double(a), atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 80), st.integers(1, 80), st.booleans(), st.integers(0, 2**31))
def test_any_matrix(m, n, complete, seed):
    check(np.random.default_rng(seed).standard_normal((m, n)).astype(np.float32), complete=complete)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(0, 2**31))
def test_of_a_triangle_nothing_is_left_to_do(n, seed):
    a = np.triu(np.random.default_rng(seed).standard_normal((n, n))).astype(np.float32)
    q, r = kernels.qr(mx.array(a))
    np.testing.assert_array_equal(np.array(q), np.eye(n))
    np.testing.assert_array_equal(np.array(r), a)


@pytest.mark.on_reference
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_guides_kernels(dtype):
    kind, eps = DTYPES[dtype]
    q, v, c = (mx.array(rng(i).standard_normal(shape).astype(np.float32)).astype(kind) for i, shape in enumerate([(131, 17), (131,), (17,)]))
    exact = as_double(q).T @ as_double(v)
    np.testing.assert_allclose(as_double(kernels.qr_col_dot(q, v)), exact, atol=131 * EPS * 40 + 2 * eps * 40)
    np.testing.assert_allclose(as_double(kernels.qr_update_vec(q, v, c)), as_double(v) - as_double(q) @ as_double(c), atol=20 * EPS * 20 + 2 * eps * 20)


@pytest.mark.on_reference
def test_the_guides_kernels_without_rows_or_columns():
    assert np.array(kernels.qr_col_dot(mx.zeros((0, 3)), mx.zeros(0))).tolist() == [0, 0, 0]
    assert np.array(kernels.qr_update_vec(mx.zeros((2, 0)), mx.ones(2), mx.zeros(0))).tolist() == [1, 1]


BAD = [
    (lambda: kernels.qr(mx.zeros(3)), r"\[anymetal\.kernels\.qr\] a: float32\[3\] was given; a matrix"),
    (lambda: kernels.qr(mx.zeros((3, 3), dtype=mx.float16)), r"a: float16\[3, 3\] was given; float32 is wanted"),
    (lambda: kernels.qr(mx.zeros((3, 3)), method="givens"), r"method: 'givens' was given; 'householder' or 'gram_schmidt' is wanted"),
    (lambda: kernels.qr(mx.zeros((3, 4)), method="gram_schmidt"), r"a: float32\[3, 4\] was given; no more columns than rows, for gram_schmidt"),
    (lambda: kernels.qr(mx.zeros((4, 3)), method="gram_schmidt", complete=True), r"householder, for a complete Q"),
    (lambda: kernels.qr(mx.broadcast_to(mx.zeros((1, 1)), (1 << 16, 1)), complete=True), r"a Q of fewer than 2\^31 elements"),
    (lambda: kernels.qr_col_dot(mx.zeros((3, 2)), mx.zeros(2)), r"qr_col_dot\] v: float32\[2\] was given; a vector of 3 elements, the rows of q"),
    (lambda: kernels.qr_col_dot(mx.zeros(3), mx.zeros(3)), r"q: float32\[3\] was given; an array of 2 dimensions"),
    (lambda: kernels.qr_update_vec(mx.zeros((3, 2)), mx.zeros(3), mx.zeros(3)), r"c: float32\[3\] was given; a vector of 2 elements, the columns of q"),
    (lambda: kernels.qr_update_vec(mx.zeros((3, 2)), mx.zeros(3, dtype=mx.float16), mx.zeros(2)), r"v: float16\[3\] was given; the type of q"),
]


@pytest.mark.on_reference
@pytest.mark.parametrize("call,words", BAD)
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call()
