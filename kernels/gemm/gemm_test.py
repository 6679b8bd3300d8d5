"""gemm against NumPy in double. The bound is componentwise: |C - AB| <= c k eps |A||B|, with c = 1 and eps = 2^-24 (float32 sums)."""

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judged import DTYPES, EPS, as_double, check_gradient, launches_of, rng

from anymetal import kernels

FORMS = [(False, False), (True, False), (False, True), (True, True)]


def stored(array, transposed):
    return np.ascontiguousarray(np.swapaxes(array, -1, -2)) if transposed else array


def check(m, n, k, form=(False, False), dtype="float32", batch=(), random=None, scale=1.0):
    random = random or rng(m * 7 + n * 3 + k)
    kind, eps = DTYPES[dtype]
    a = mx.array(stored(scale * random.standard_normal((*batch, m, k)).astype(np.float32), form[0])).astype(kind)
    b = mx.array(stored(random.standard_normal((*batch, k, n)).astype(np.float32), form[1])).astype(kind)
    c = kernels.gemm(a, b, transpose_a=form[0], transpose_b=form[1])
    assert c.shape == (*batch, m, n) and c.dtype == kind
    left, right = stored(as_double(a), form[0]), stored(as_double(b), form[1])
    exact = left @ right
    bound = max(k, 1) * EPS * (np.abs(left) @ np.abs(right)) + (eps * np.abs(exact) if dtype != "float32" else 0) + 1e-40
    worst = np.max(np.abs(as_double(c) - exact) / bound, initial=0)
    assert worst <= 1, f"{worst} times the bound"


@pytest.mark.on_reference
@pytest.mark.parametrize("form", FORMS)
def test_small(form):
    check(5, 7, 3, form)
    check(33, 17, 20, form)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sizes", [(1, 1, 1), (1, 97, 131), (97, 1, 131), (97, 131, 1), (16, 16, 16), (64, 64, 64), (65, 63, 67), (131, 257, 97), (2, 3, 2048),
                                   (512, 512, 512), (127, 1021, 61)])
def test_sizes(sizes, form):
    check(*sizes, form)


def test_large():
    check(2048, 509, 512)
    check(1021, 1021, 1021, (True, False))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("form", FORMS)
def test_narrow_types_sum_in_float(dtype, form):
    check(70, 65, 300, form, dtype)


@pytest.mark.parametrize("tile,form", [*((tile, (False, False)) for tile in kernels.gemm_tiles()), *(("16x16", form) for form in FORMS[1:])])
def test_every_tile(tile, form, monkeypatch):
    monkeypatch.setenv("ANYMETAL_GEMM_TILE", tile)
    assert kernels.gemm_tile(100, 70, 65, transpose_a=form[0], transpose_b=form[1]) == tile
    check(100, 70, 65, form)
    check(64, 128, 128, form)


@pytest.mark.parametrize("form", FORMS)
def test_batches(form):
    check(20, 30, 40, form, batch=(3, 2))


@pytest.mark.parametrize("first,second", [((4,), ()), ((), (4,)), ((3, 1), (1, 4)), ((1,), (2, 4)), ((2, 3), (3,))])
def test_batches_are_broadcast(first, second):
    a, b = rng(1).standard_normal((*first, 9, 8)).astype(np.float32), rng(2).standard_normal((*second, 8, 7)).astype(np.float32)
    np.testing.assert_allclose(as_double(kernels.gemm(mx.array(a), mx.array(b))), a.astype(float) @ b, atol=1e-5)


@pytest.mark.on_reference
def test_empty():
    for m, n, k in ((0, 3, 4), (3, 0, 4), (3, 4, 0)):
        c = kernels.gemm(mx.ones((m, k)), mx.ones((k, n)))
        assert c.shape == (m, n) and not np.any(np.array(c))
    assert kernels.gemm(mx.ones((0, 2, 3)), mx.ones((3, 4))).shape == (0, 2, 4)


def test_views():
    a, b = rng(1).standard_normal((60, 80)).astype(np.float32), rng(2).standard_normal((90, 120)).astype(np.float32)
    c = kernels.gemm(mx.array(a).T[::2, ::-1], mx.array(b)[:60, 5:70])
    np.testing.assert_allclose(as_double(c), a.T[::2, ::-1].astype(float) @ b[:60, 5:70], atol=1e-4)


@pytest.mark.on_reference
def test_special_values():
    """What isn't finite stays in its row and column; denormals aren't lost on the way."""
    a, b = np.ones((5, 6), np.float32), np.ones((6, 7), np.float32)
    a[1, 2], a[3, 0], b[4, 5] = np.nan, np.inf, -np.inf
    c = np.array(kernels.gemm(mx.array(a), mx.array(b)))
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(c, a @ b)
    tiny = np.full((3, 3), 1e-40, np.float32)
    np.testing.assert_array_equal(np.array(kernels.gemm(mx.array(tiny), mx.eye(3))), tiny)
    huge = np.full((2, 2), 3e38, np.float32)
    assert np.all(np.isinf(np.array(kernels.gemm(mx.array(huge), mx.array(huge)))))


def test_one_launch():
    a = mx.array(rng().standard_normal((100, 100)).astype(np.float32))
    mx.eval(a)
    assert launches_of(lambda: kernels.gemm(a, a))[1] == 1


@pytest.mark.parametrize("form", FORMS)
def test_gradient(form):
    random = rng(3)
    a, b = (mx.array(stored(random.standard_normal(shape).astype(np.float32), way)) for shape, way in (((5, 4), form[0]), ((4, 6), form[1])))
    check_gradient(lambda x, y: kernels.gemm(x, y, transpose_a=form[0], transpose_b=form[1]), [a, b], random)


def test_gradient_of_broadcast_batches_and_of_a_gradient():
    random = rng(4)
    a, b = (mx.array(random.standard_normal(shape).astype(np.float32)) for shape in ((3, 5, 4), (4, 6)))
    check_gradient(kernels.gemm, [a, b], random)
    second = mx.grad(lambda x: mx.sum(mx.grad(lambda y: mx.sum(kernels.gemm(y, y) ** 2))(x)))
    x = mx.array(random.standard_normal((4, 4)).astype(np.float32))
    expected = mx.grad(lambda x: mx.sum(mx.grad(lambda y: mx.sum((y @ y) ** 2))(x)))(x)
    np.testing.assert_allclose(np.array(second(x)), np.array(expected), rtol=1e-3, atol=1e-3)


def test_under_compile():
    a = mx.array(rng().standard_normal((30, 30)).astype(np.float32))
    np.testing.assert_allclose(np.array(mx.compile(lambda x: kernels.gemm(x, x) + x)(a)), np.array(a @ a + a), atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 70), st.sampled_from(FORMS), st.integers(0, 2**31))
def test_any_sizes(m, n, k, form, seed):
    check(m, n, k, form, random=np.random.default_rng(seed))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**31))
def test_identity_leaves_a_matrix_as_it_is(m, n, seed):
    a = np.random.default_rng(seed).standard_normal((m, n)).astype(np.float32)
    np.testing.assert_array_equal(np.array(kernels.gemm(mx.array(a), mx.eye(n))), a)


BAD = [
    ((3,), (3, 4), r"a: float32\[3\] was given; a matrix"),
    ((3, 4), (4,), r"b: float32\[4\] was given; a matrix"),
    ((3, 4), (5, 6), r"b: float32\[5, 6\] was given; an inner size of 4, that of a, float32\[3, 4\], is wanted"),
    ((2, 3, 4), (3, 4, 5), r"batches that broadcast"),
]


@pytest.mark.on_reference
@pytest.mark.parametrize("first,second,words", BAD)
def test_shapes_that_do_not_fit(first, second, words):
    with pytest.raises(ValueError, match=r"\[anymetal\.kernels\.gemm\].*" + words):
        kernels.gemm(mx.zeros(first), mx.zeros(second))


@pytest.mark.on_reference
def test_types_that_do_not_fit():
    with pytest.raises(ValueError, match=r"a: int32\[2, 2\] was given; float32, float16 or bfloat16"):
        kernels.gemm(mx.zeros((2, 2), dtype=mx.int32), mx.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"b: float16\[2, 2\] was given; the type of a, float32\[2, 2\]"):
        kernels.gemm(mx.zeros((2, 2)), mx.zeros((2, 2), dtype=mx.float16))


@pytest.mark.on_reference
def test_matrices_of_2_31_elements_are_refused():
    wide = mx.broadcast_to(mx.zeros((1, 1)), (1 << 16, 1 << 15))  # no memory behind it
    with pytest.raises(ValueError, match="fewer than 2.31 elements"):
        kernels.gemm(wide, mx.zeros((1 << 15, 1)))
    tall = mx.zeros((1 << 16, 1))
    with pytest.raises(ValueError, match="a product of fewer than 2.31 elements"):
        kernels.gemm(tall, tall, transpose_b=True)


@pytest.mark.on_reference
def test_a_tile_that_there_is_not(monkeypatch):
    monkeypatch.setenv("ANYMETAL_GEMM_TILE_AB", "5x5")
    with pytest.raises(ValueError, match=r"ANYMETAL_GEMM_TILE_AB: '5x5' was given; one of 16x16, .*64x64.* is wanted"):
        kernels.gemm(mx.zeros((2, 2)), mx.zeros((2, 2)))


@pytest.mark.on_reference
def test_variables_of_the_guides(monkeypatch):
    monkeypatch.setenv("METALFAISS_GEMM_TILE_AV", "32x8")
    monkeypatch.setenv("METALFAISS_GEMM_TILE_ATB", "8x32")
    assert kernels.gemm_tile(64, 64, 64) == "32x8"
    assert kernels.gemm_tile(64, 64, 64, transpose_a=True) == "8x32"
    monkeypatch.setenv("ANYMETAL_GEMM_TILE", "16x16")
    assert kernels.gemm_tile(64, 64, 64) == "16x16"


def test_the_tuner_measures_once_and_remembers(tmp_path, monkeypatch):
    monkeypatch.setenv("ANYMETAL_CACHE_DIR", str(tmp_path))  # of what tuners remember; kernels stay where they are
    found = kernels.tune_gemm(transpose_a=True)
    seconds = [float(line.split("=")[1]) for line in found]
    assert sorted(line.split("=")[0] for line in found) == sorted(kernels.gemm_tiles()) and seconds == sorted(seconds)
    (file,) = (tmp_path / "kernels").iterdir()
    best = found[0].split("=")[0]
    assert f"gemm ATB: {best}\n" in file.read_text()
    monkeypatch.setenv("ANYMETAL_GEMM_TUNE", "on")
    assert kernels.gemm_tile(512, 512, 512, transpose_a=True) == best
