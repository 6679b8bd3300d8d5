"""svd and eigh against LAPACK in double (NumPy's)."""

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judged import DTYPES, EPS, as_double, check_gradient, launches_of, norm, orthogonal, rng, with_condition

from anymetal import kernels


def near_identity(gram, k):
    assert norm(gram - np.eye(k)) <= 20 * k * EPS


def check_svd(a, exact=None):
    """All bounds of the docstring, and the singular values against LAPACK's."""
    u, s, vt = (as_double(each) for each in kernels.svd(mx.array(a)))
    k = min(a.shape)
    assert u.shape == (a.shape[0], k) and s.shape == (k,) and vt.shape == (k, a.shape[1])
    size = norm(a.astype(np.float64))
    assert norm(u * s @ vt - a) <= 20 * k * EPS * size
    near_identity(u.T @ u, k)
    near_identity(vt @ vt.T, k)
    assert np.all(np.diff(s) <= 0) and np.all(s >= 0)
    exact = np.linalg.svd(a.astype(np.float64), compute_uv=False) if exact is None else exact
    assert np.max(np.abs(s - exact), initial=0) <= 10 * np.sqrt(k) * EPS * size
    return s


@pytest.mark.parametrize("m,n", [(1, 1), (1, 7), (7, 1), (2, 2), (3, 2), (5, 17), (31, 31), (33, 32), (64, 64), (97, 13), (13, 211), (131, 127)])
def test_svd(m, n):
    check_svd(rng(m).standard_normal((m, n)).astype(np.float32))


@pytest.mark.on_reference
def test_a_small_one():
    _, launches = launches_of(lambda: kernels.svd(mx.ones((3, 3)))[0])
    assert launches == 2
    check_svd(rng().standard_normal((6, 5)).astype(np.float32))


@pytest.mark.parametrize("condition", [1, 1e3, 1e6, 1e7])
def test_conditions(condition):
    check_svd(with_condition(60, 40, condition, rng(1)))


def test_small_singular_values_of_scaled_columns():
    """Jacobi's method finds them all to the last digits where it is the columns that are scaled; LAPACK's method doesn't."""
    a = (orthogonal(40, 30, rng(2)) + 0.1 * rng(3).standard_normal((40, 30))) * 10.0**np.linspace(0, -12, 30)
    a = a.astype(np.float32)
    scaled = a.astype(np.float64)
    _, s, _ = kernels.svd(mx.array(a))
    q, r = np.linalg.qr(scaled)  # in double, 12 of 16 digits are left below
    exact = np.linalg.svd(r, compute_uv=False)
    np.testing.assert_allclose(as_double(s), exact, rtol=1e-4)


@pytest.mark.parametrize("made", ["zeros", "ones", "rank_3", "equal_columns", "zero_columns", "huge", "tiny", "denormal"])
@pytest.mark.parametrize("m,n", [(20, 12), (12, 20), (16, 16)])
def test_without_full_rank_or_beyond_common_sizes(made, m, n):
    random = rng(4)
    a = {"zeros": lambda: np.zeros((m, n)), "ones": lambda: np.ones((m, n)),
         "rank_3": lambda: random.standard_normal((m, 3)) @ random.standard_normal((3, n)),
         "equal_columns": lambda: np.repeat(random.standard_normal((m, n // 2)), 2, 1),
         "zero_columns": lambda: random.standard_normal((m, n)) * (np.arange(n) % 3 == 0),
         "huge": lambda: 1e37 * random.uniform(-1, 1, (m, n)), "tiny": lambda: 1e-36 * random.standard_normal((m, n)),
         "denormal": lambda: 1e-41 * random.standard_normal((m, n))}[made]().astype(np.float32)
    if made != "denormal":
        check_svd(a)
        return
    u, s, vt = (as_double(each) for each in kernels.svd(mx.array(a)))
    np.testing.assert_allclose(s, np.linalg.svd(a.astype(np.float64), compute_uv=False), atol=2e-44)
    near_identity(u.T @ u, min(m, n))
    near_identity(vt @ vt.T, min(m, n))


def test_batches_and_views():
    a = rng(5).standard_normal((2, 3, 9, 11)).astype(np.float32)
    view = mx.array(a).swapaxes(-1, -2)[:, ::-1]
    u, s, vt = kernels.svd(view)
    assert u.shape == (2, 3, 11, 9) and s.shape == (2, 3, 9) and vt.shape == (2, 3, 9, 9)
    np.testing.assert_allclose(as_double(s), np.linalg.svd(as_double(view), compute_uv=False), rtol=1e-5)
    np.testing.assert_allclose(as_double(u) * as_double(s)[..., None, :] @ as_double(vt), as_double(view), atol=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite(value):
    a = rng(6).standard_normal((2, 5, 4)).astype(np.float32)
    a[0, 2, 1] = value
    for each in kernels.svd(mx.array(a)):
        assert np.all(np.isnan(np.array(each)[0])) and np.all(np.isfinite(np.array(each)[1]))
    square = np.tril(a[:, :4])
    for each in kernels.eigh(mx.array(square)):
        assert np.all(np.isnan(np.array(each)[0])) and np.all(np.isfinite(np.array(each)[1]))


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_half(name):
    a = mx.array(rng(7).standard_normal((10, 6)).astype(np.float32)).astype(DTYPES[name][0])
    u, s, vt = kernels.svd(a)
    assert s.dtype == mx.float32
    np.testing.assert_allclose(as_double(s), np.linalg.svd(as_double(a), compute_uv=False), rtol=1e-5)
    w, _ = kernels.eigh(a[:6])
    np.testing.assert_allclose(as_double(w), np.linalg.eigvalsh(as_double(a[:6])), atol=1e-5)


@pytest.mark.on_reference
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (2, 0, 0), (0, 4, 4)])
def test_empty(shape):
    u, s, vt = kernels.svd(mx.zeros(shape))
    exact = np.linalg.svd(np.zeros(shape), full_matrices=False)
    assert [u.shape, s.shape, vt.shape] == [each.shape for each in exact]
    if shape[-1] == shape[-2]:
        assert [each.shape for each in kernels.eigh(mx.zeros(shape))] == [shape[:-1], shape]


def check_eigh(a):
    w, v = (as_double(each) for each in kernels.eigh(mx.array(a)))
    n = len(a)
    a = np.tril(a.astype(np.float64))
    a = a + np.tril(a, -1).T
    assert norm(a @ v - v * w) <= 20 * n * EPS * norm(a)
    near_identity(v.T @ v, n)
    assert np.all(np.diff(w) >= 0)
    assert np.max(np.abs(w - np.linalg.eigvalsh(a))) <= 10 * np.sqrt(n) * EPS * max(norm(a), 1e-300)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 16, 31, 64, 97, 131])
def test_eigh(n):
    check_eigh(rng(n).standard_normal((n, n)).astype(np.float32))


@pytest.mark.on_reference
def test_eigh_of_a_small_one():
    check_eigh(rng().standard_normal((5, 5)).astype(np.float32))


@pytest.mark.parametrize("values", [[-1, 1, -1, 1, 1, -1], [0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 2], [1, 1e-3, 1e-6, -1e-6, -1e-3, -1], [1e30] * 6, [1e-30] * 5 + [-1e-30]])
def test_eigh_of_equal_opposite_and_odd_eigenvalues(values):
    q = orthogonal(6, 6, rng(8))
    check_eigh((q * values @ q.T).astype(np.float32))


def test_upper_triangle_is_not_read():
    a = rng(9).standard_normal((7, 7)).astype(np.float32)
    below = np.tril(a)
    below[np.triu_indices(7, 1)] = np.nan
    np.testing.assert_array_equal(np.array(kernels.eigh(mx.array(below))[0]), np.array(kernels.eigh(mx.array(a))[0]))


@pytest.mark.parametrize("m,n", [(4, 4), (7, 4), (4, 7)])
def test_gradient_of_svd(m, n):
    """Signs of vectors are free, so what is differentiated doesn't depend on them."""
    a = (with_condition(m, n, 8, rng(10)) * 3).astype(np.float32)

    def values(a):
        u, s, vt = kernels.svd(a)
        projector = (u * mx.array([1.0, 2.0, -1.0, 0.5])) @ u.swapaxes(-1, -2)
        other = (vt.swapaxes(-1, -2) * mx.array([0.3, -2.0, 1.0, 1.5])) @ vt
        return s, projector, other, (u * mx.square(s)) @ vt
    check_gradient(values, [mx.array(a)], rng(11), step=4e-3)


def test_gradient_of_eigh():
    q = orthogonal(5, 5, rng(12))
    a = (q * [-2, -0.5, 0.4, 1.0, 2.5] @ q.T).astype(np.float32)

    def values(a):
        w, v = kernels.eigh(a)
        return w, (v * mx.array([1.0, 2.0, -1.0, 0.5, 0.2])) @ v.swapaxes(-1, -2)
    check_gradient(values, [mx.array(a)], rng(13), step=4e-3)


@pytest.mark.on_reference
@pytest.mark.parametrize("call,words", [
    (lambda: kernels.svd(mx.zeros(3)), r"svd\] a: float32\[3\] was given; a matrix"),
    (lambda: kernels.svd(mx.zeros((3, 3), mx.int32)), r"svd\] a: int32"),
    (lambda: kernels.svd(mx.zeros((1025, 1026))), r"svd\] a: .* at most 1024 rows or columns"),
    (lambda: kernels.svd(mx.broadcast_to(mx.zeros(1), (2, 65536, 65536))), "fewer than 2.31 elements"),
    (lambda: kernels.eigh(mx.zeros((3, 4))), r"eigh\] a: float32\[3, 4\] was given; a square matrix"),
    (lambda: kernels.eigh(mx.zeros((1025, 1025))), "at most 1024"),
    (lambda: kernels.eigh(mx.zeros((3, 3), mx.complex64)), "float32, float16 or bfloat16"),
])
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**31), st.integers(-30, 30))
def test_any_matrix(m, n, seed, exponent):
    check_svd((rng(seed).standard_normal((m, n)) * 10.0**exponent).astype(np.float32))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 12), st.integers(0, 2**31), st.integers(-30, 30))
def test_any_symmetric_matrix(n, seed, exponent):
    check_eigh((rng(seed).standard_normal((n, n)) * 10.0**exponent).astype(np.float32))


@pytest.mark.on_reference
def test_eigh_of_denormals():
    w, v = (as_double(each) for each in kernels.eigh(mx.array(np.diag([3e-41, -1e-41, 0]).astype(np.float32))))
    np.testing.assert_allclose(w, [-1e-41, 0, 3e-41], atol=3e-45)
    near_identity(v.T @ v, 3)
