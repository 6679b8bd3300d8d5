"""exp_elementwise against NumPy's exp in double."""

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judged import DTYPES, as_double, check_gradient, launches_of, rng

from anymetal import kernels

ULP = 2.0**-23


@pytest.mark.on_reference
@pytest.mark.parametrize("name", DTYPES)
def test_against_numpy(name):
    dtype, eps = DTYPES[name]
    a = mx.array(rng().uniform(-8, 8, 1021).astype(np.float32)).astype(dtype)
    out, launches = launches_of(lambda: kernels.exp_elementwise(a))
    assert out.dtype == dtype and launches == 1
    exact = np.exp(as_double(a))
    assert np.max(np.abs(as_double(out) - exact) / exact) <= (4 * ULP if name == "float32" else 1.1 * eps)


@pytest.mark.parametrize("shape", [(), (1,), (255,), (256,), (257,), (3, 5, 7), (2048, 1023)])
def test_shapes(shape):
    a = mx.array(rng().standard_normal(shape).astype(np.float32))
    out = kernels.exp_elementwise(a)
    assert out.shape == a.shape
    np.testing.assert_allclose(as_double(out), np.exp(as_double(a)), rtol=4 * ULP)


@pytest.mark.on_reference
def test_empty():
    assert kernels.exp_elementwise(mx.zeros((0, 3))).shape == (0, 3)


@pytest.mark.on_reference
def test_special_values():
    a = mx.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 1e-40, 89.0, -95.0, -110.0])
    out = np.array(kernels.exp_elementwise(a))
    assert out[0] == np.inf and out[1] == 0 and np.isnan(out[2])
    np.testing.assert_array_equal(out[3:7], [1, 1, 1, np.inf])
    assert out[7] == pytest.approx(np.exp(-95.0), rel=1e-3) and out[8] == 0  # a denormal, and less than any


def test_views_are_read_as_they_are():
    a = mx.array(rng().standard_normal((40, 30)).astype(np.float32))
    for view in (a.T, a[::2, ::-1], mx.broadcast_to(a[0], (5, 30))):
        np.testing.assert_allclose(as_double(kernels.exp_elementwise(view)), np.exp(as_double(view)), rtol=4 * ULP)


@pytest.mark.on_reference
def test_gradient():
    check_gradient(kernels.exp_elementwise, [mx.array(rng().standard_normal(13).astype(np.float32))], rng(1))


def test_under_compile_and_on_a_stream():
    a = mx.array(rng().standard_normal(100).astype(np.float32))
    compiled = mx.compile(lambda x: kernels.exp_elementwise(x) + 1)
    np.testing.assert_allclose(as_double(compiled(a)), np.exp(as_double(a)) + 1, rtol=1e-6)
    stream = mx.new_stream(mx.default_device())
    np.testing.assert_allclose(as_double(kernels.exp_elementwise(a, stream=stream)), np.exp(as_double(a)), rtol=4 * ULP)


@pytest.mark.on_reference
@pytest.mark.parametrize("dtype", [mx.int32, mx.bool_, mx.complex64, mx.uint8])
def test_other_types_are_refused(dtype):
    with pytest.raises(ValueError, match=r"\[anymetal\.kernels\.exp_elementwise\] a: \S+\[3\] was given; float32, float16 or bfloat16 is wanted"):
        kernels.exp_elementwise(mx.zeros(3).astype(dtype))


@pytest.mark.on_reference
def test_what_is_no_array_is_refused():
    with pytest.raises(TypeError):
        kernels.exp_elementwise("a")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-80, 80, width=32), min_size=1, max_size=70))
def test_product_of_exp_and_its_inverse(values):
    a = mx.array(np.array(values, np.float32))
    product = as_double(kernels.exp_elementwise(a)) * as_double(kernels.exp_elementwise(-a))
    np.testing.assert_allclose(product, 1, rtol=1e-5)
