"""depthwise_conv against sums in double."""

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judged import DTYPES, as_double, check_gradient, launches_of, rng

from anymetal import kernels

U = 2.0**-24


def convolved(x, w, bias=None, left=None):
    """In double: the result, and the sum of the terms' sizes."""
    taps = w.shape[1]
    left = (taps - 1) // 2 if left is None else left
    padded = np.pad(x, ((0, 0), (0, 0), (left, taps - 1 - left)))
    terms = [w[None, :, j, None] * padded[:, :, j:j + x.shape[2]] for j in range(taps)]
    if bias is not None:
        terms.append(np.broadcast_to(bias[None, :, None], x.shape))
    return sum(terms), sum(map(np.abs, terms))


def made(random, batch, channels, length, taps):
    return random.standard_normal((batch, channels, length)).astype(np.float32), random.standard_normal((channels, taps)).astype(np.float32)


@pytest.mark.on_reference
@pytest.mark.parametrize("name", DTYPES)
def test_the_guides_function(name):
    dtype, eps = DTYPES[name]
    x, w = (mx.array(each).astype(dtype) for each in made(rng(), 2, 5, 37, 3))
    out, launches = launches_of(lambda: kernels.depthwise_conv_3tap(x, w))
    assert out.dtype == dtype and launches == 1
    exact, size = convolved(as_double(x), as_double(w))
    assert np.all(np.abs(as_double(out) - exact) <= 3 * U * size + 1.01 * eps * np.abs(exact))


@pytest.mark.parametrize("taps,left", [(1, None), (2, None), (3, 2), (4, 3), (7, 0), (64, 63)])
@pytest.mark.parametrize("batch,channels,length", [(1, 1, 1), (2, 13, 97), (1, 7, 259)])
def test_taps(batch, channels, length, taps, left):
    check(batch, channels, length, taps, left)


@pytest.mark.parametrize("batch,channels,length", [(2, 3, 2), (3, 1, 32), (1, 2, 256), (2, 3, 1021), (1, 2304, 64)])
def test_shapes(batch, channels, length):
    check(batch, channels, length, 3, None)


def check(batch, channels, length, taps, left):
    x, w = made(rng(1), batch, channels, length, taps)
    bias = rng(2).standard_normal(channels).astype(np.float32)
    exact, size = convolved(*(each.astype(np.float64) for each in (x, w, bias)), left)
    out = as_double(kernels.depthwise_conv(mx.array(x), mx.array(w), mx.array(bias), left=left))
    assert np.all(np.abs(out - exact) <= (taps + 1) * U * size)


@pytest.mark.on_reference
@pytest.mark.parametrize("shape", [(0, 3, 5), (2, 0, 5), (2, 3, 0)])
def test_empty(shape):
    assert kernels.depthwise_conv(mx.zeros(shape), mx.zeros((shape[1], 3))).shape == shape


def test_infinities_stay_where_they_are():
    x, w = np.zeros((1, 1, 9), np.float32), np.ones((1, 3), np.float32)
    x[0, 0, 4] = np.inf
    out = np.array(kernels.depthwise_conv(mx.array(x), mx.array(w)))[0, 0]
    np.testing.assert_array_equal(np.isinf(out), [i in (3, 4, 5) for i in range(9)])


def test_nan_and_denormals():
    x, w = np.full((1, 1, 9), 1e-40, np.float32), np.ones((1, 3), np.float32)
    x[0, 0, 4] = np.nan
    out = np.array(kernels.depthwise_conv(mx.array(x), mx.array(w)))[0, 0]
    np.testing.assert_array_equal(np.isnan(out), [i in (3, 4, 5) for i in range(9)])
    np.testing.assert_allclose(out[[1, 7]].astype(np.float64), 3 * float(np.float32(1e-40)), rtol=0, atol=3e-45)


def test_views_are_read_as_they_are():
    x = mx.array(rng().standard_normal((4, 33, 6)).astype(np.float32))
    w = mx.array(rng(1).standard_normal((3, 6)).astype(np.float32))
    exact, size = convolved(as_double(x).transpose(0, 2, 1), as_double(w).T)
    assert np.all(np.abs(as_double(kernels.depthwise_conv(x.swapaxes(1, 2), w.T)) - exact) <= 4 * U * size)


@pytest.mark.on_reference
@pytest.mark.parametrize("left", [None, 2])
def test_gradient(left):
    x, w = made(rng(3), 2, 3, 11, 3)
    check_gradient(lambda x, w, bias: kernels.depthwise_conv(x, w, bias, left=left), [mx.array(x), mx.array(w), mx.array(w[:, 0])], rng(4))


def test_gradients_of_longer_rows_and_half():
    x, w = (mx.array(each).astype(mx.float16) for each in made(rng(5), 3, 4, 301, 5))
    gy = rng(6).standard_normal(x.shape).astype(np.float16)
    _, (gx, gw) = mx.vjp(kernels.depthwise_conv, [x, w], [mx.array(gy)])
    padded = np.pad(as_double(x), ((0, 0), (0, 0), (2, 2)))
    exact = np.stack([(gy.astype(np.float64) * padded[:, :, j:j + 301]).sum((0, 2)) for j in range(5)], 1)
    np.testing.assert_allclose(as_double(gw), exact, atol=2e-3 * np.abs(exact).max())
    np.testing.assert_allclose(as_double(gx), convolved(gy.astype(np.float64), as_double(w)[:, ::-1])[0], atol=2e-2)


def test_under_compile_and_on_a_stream():
    x, w = map(mx.array, made(rng(7), 1, 3, 50, 3))
    plain = kernels.depthwise_conv(x, w)
    np.testing.assert_array_equal(np.array(mx.compile(kernels.depthwise_conv)(x, w)), np.array(plain))
    np.testing.assert_array_equal(np.array(kernels.depthwise_conv(x, w, stream=mx.new_stream(mx.default_device()))), np.array(plain))


@pytest.mark.on_reference
@pytest.mark.parametrize("x,w,bias,left,words", [
    (mx.zeros((3, 5)), mx.zeros((3, 3)), None, None, r"x: float32\[3, 5\] was given; an array of 3 dimensions"),
    (mx.zeros((2, 3, 5), mx.int32), mx.zeros((3, 3)), None, None, "x: int32.* float32, float16 or bfloat16"),
    (mx.zeros((2, 3, 5)), mx.zeros((3, 3), mx.float16), None, None, "w: float16.* the type of x"),
    (mx.zeros((2, 3, 5)), mx.zeros((4, 3)), None, None, r"w: float32\[4, 3\].*3 channels"),
    (mx.zeros((2, 3, 5)), mx.zeros(3), None, None, "w: .* 2 dimensions"),
    (mx.zeros((2, 3, 5)), mx.zeros((3, 0)), None, None, "w: .* 1 to 64 taps"),
    (mx.zeros((2, 3, 5)), mx.zeros((3, 65)), None, None, "w: .* 1 to 64 taps"),
    (mx.zeros((2, 3, 5)), mx.zeros((3, 3)), None, 3, "left: 3 was given; 0 to 2"),
    (mx.zeros((2, 3, 5)), mx.zeros((3, 3)), None, -1, "left: -1 was given; 0 to 2"),
    (mx.zeros((2, 3, 5)), mx.zeros((3, 3)), mx.zeros(4), None, "bias: .* one number for each"),
])
def test_bad_input(x, w, bias, left, words):
    with pytest.raises(ValueError, match=words):
        kernels.depthwise_conv(x, w, bias, left=left)


@pytest.mark.on_reference
def test_three_taps_are_three():
    with pytest.raises(ValueError, match=r"depthwise_conv_3tap\] kernel: float32\[3, 4\] was given; \(channels, 3\) is wanted"):
        kernels.depthwise_conv_3tap(mx.zeros((1, 3, 5)), mx.zeros((3, 4)))


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 3), st.integers(1, 5), st.integers(1, 80), st.sampled_from([2, 3]), st.integers(0, 2**31))
def test_shifts_with_its_input(batch, channels, length, taps, seed):
    x, w = made(rng(seed), batch, channels, length, taps)
    causal = kernels.depthwise_conv(mx.array(x), mx.array(w), left=taps - 1)
    later = kernels.depthwise_conv(mx.array(np.pad(x, ((0, 0), (0, 0), (5, 0)))), mx.array(w), left=taps - 1)
    np.testing.assert_array_equal(np.array(later)[:, :, 5:], np.array(causal))
