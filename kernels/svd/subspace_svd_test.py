"""subspace_svd against LAPACK in double (NumPy's)."""

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judged import as_double, norm, orthogonal, rng

from anymetal import kernels


def decaying(m, n, factor, random, k=None):
    k = k or min(m, n)
    return (orthogonal(m, k, random) * factor**np.arange(k) @ orthogonal(n, k, random).T).astype(np.float32)


def check(a, rank, **options):
    u, s, vt = (as_double(each) for each in kernels.subspace_svd(mx.array(a), rank, **options))
    exact = np.linalg.svd(a.astype(np.float64), compute_uv=False)
    assert u.shape == (a.shape[0], rank) and s.shape == (rank,) and vt.shape == (rank, a.shape[1])
    tolerance = options.get("tolerance", 1e-5)
    np.testing.assert_allclose(s, exact[:rank], atol=(tolerance + 1e-6) * exact[0])
    assert norm(u.T @ u - np.eye(rank)) <= 1e-5 and norm(vt @ vt.T - np.eye(rank)) <= 1e-5
    assert norm(a @ vt.T - u * s) <= 1e-4 * exact[0]
    # What is left is as small as it can be.
    rest = np.linalg.norm(a - u * s @ vt, 2) if min(a.shape) > rank else 0
    assert rest <= (exact[rank] if min(a.shape) > rank else 0) + 3e-4 * exact[0]
    return u, s, vt


@pytest.mark.parametrize("m,n,rank", [(1, 1, 1), (40, 60, 5), (211, 97, 10), (30, 30, 30)])
def test_against_lapack(m, n, rank):
    check(decaying(m, n, 0.8, rng(m)), rank)


def test_a_small_one_and_its_options():
    check(decaying(40, 30, 0.5, rng(1)), 3, oversample=0, tolerance=1e-4, seed=7)


@pytest.mark.parametrize("bands", [2, 7])
def test_bands_give_the_same(bands):
    """Each element of Z is one sum, whatever band it is in."""
    a = decaying(150, 101, 0.7, rng(2))
    _, one, _ = check(a, 4)
    _, several, _ = check(a, 4, bands=bands)
    np.testing.assert_allclose(several, one, rtol=1e-6)


@pytest.mark.parametrize("made", [np.zeros((20, 12)), np.ones((20, 12)), np.outer(np.arange(20), np.arange(12))])
def test_without_full_rank(made):
    u, s, vt = (as_double(each) for each in kernels.subspace_svd(mx.array(made.astype(np.float32)), 3))
    np.testing.assert_allclose(s, np.linalg.svd(made, compute_uv=False)[:3], atol=1e-4 * max(norm(made), 1))
    assert norm(u.T @ u - np.eye(3)) <= 1e-5 and norm(vt @ vt.T - np.eye(3)) <= 1e-5


def test_what_is_not_finite():
    a = rng(3).standard_normal((20, 12)).astype(np.float32)
    a[3, 4] = np.nan
    assert np.all(np.isnan(np.array(kernels.subspace_svd(mx.array(a), 2)[1])))


def test_no_convergence_is_an_error():
    a = rng(4).standard_normal((80, 80)).astype(np.float32)  # hardly any decay
    with pytest.raises(RuntimeError, match=r"subspace_svd\] no convergence in 2 iterations: the residual is 0\.\d+\. More iterations"):
        kernels.subspace_svd(mx.array(a), 10, iterations=2)


@pytest.mark.parametrize("shape,rank,options,words", [
    ((5,), 1, {}, r"a: float32\[5\] was given; an array of 2 dimensions"),
    ((5, 4), 0, {}, "rank: 0 was given; 1 to 4 for this matrix"),
    ((5, 4), 5, {}, "rank: 5 was given; 1 to 4"),
    ((0, 4), 1, {}, "rank: 1 was given; "),
    ((5, 4), 1, {"oversample": -1}, "oversample: -1"),
    ((5, 4), 1, {"iterations": 0}, "iterations: 0"),
    ((5, 4), 1, {"bands": 5}, "bands: 5 was given; 1 to 4, the columns of a"),
    ((5, 4), 1, {"tolerance": 0.0}, "tolerance: 0"),
])
def test_bad_input(shape, rank, options, words):
    with pytest.raises(ValueError, match=words):
        kernels.subspace_svd(mx.zeros(shape), rank, **options)


def test_other_types_are_refused():
    with pytest.raises(ValueError, match="a: float16.* float32 is wanted"):
        kernels.subspace_svd(mx.zeros((4, 4), mx.float16), 1)


def test_gradients_are_refused():
    with pytest.raises(Exception, match="subspace_svd"):
        mx.grad(lambda a: mx.sum(kernels.subspace_svd(a, 1)[1]))(mx.array(decaying(6, 5, 0.5, rng(5))))


@settings(max_examples=10, deadline=None)
@given(st.integers(5, 40), st.integers(5, 40), st.integers(1, 5), st.integers(0, 2**31))
def test_any_decaying_matrix(m, n, rank, seed):
    check(decaying(m, n, 0.6, rng(seed)), rank)
