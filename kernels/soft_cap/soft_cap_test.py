"""soft_cap against NumPy's tanh in double."""

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
@pytest.mark.parametrize("cap", [1.0, 30.0, 0.37])
def test_against_numpy(name, cap):
    dtype, eps = DTYPES[name]
    x = mx.array((rng().standard_normal(1021) * cap).astype(np.float32)).astype(dtype)
    out, launches = launches_of(lambda: kernels.soft_cap(x, cap))
    assert out.dtype == dtype and launches == 1
    exact = cap * np.tanh(as_double(x) / cap)
    assert np.max(np.abs(as_double(out) - exact) / np.abs(exact)) <= (6 * ULP if name == "float32" else 1.1 * eps)


@pytest.mark.parametrize("shape", [(), (1,), (255,), (257,), (3, 5, 7), (2048, 1023)])
def test_shapes(shape):
    x = mx.array(rng().standard_normal(shape).astype(np.float32) * 4)
    out = kernels.soft_cap(x, 2.0)
    assert out.shape == x.shape
    np.testing.assert_allclose(as_double(out), 2 * np.tanh(as_double(x) / 2), rtol=6 * ULP)


@pytest.mark.on_reference
def test_empty():
    assert kernels.soft_cap(mx.zeros((0, 3)), 1.0).shape == (0, 3)


@pytest.mark.on_reference
def test_special_values():
    out = np.array(kernels.soft_cap(mx.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 1e-40, 1e30]), 3.0))
    np.testing.assert_array_equal(out[[0, 1, 6]], [3, -3, 3])
    assert np.isnan(out[2]) and out[3] == 0 and np.signbit(out[4])
    assert out[5] == np.float32(1e-40)


def test_views_are_read_as_they_are():
    x = mx.array(rng().standard_normal((40, 30)).astype(np.float32))
    for view in (x.T, x[::2, ::-1], mx.broadcast_to(x[0], (5, 30))):
        np.testing.assert_allclose(as_double(kernels.soft_cap(view, 0.5)), 0.5 * np.tanh(as_double(view) / 0.5), rtol=6 * ULP)


@pytest.mark.on_reference
def test_gradient():
    check_gradient(lambda x: kernels.soft_cap(x, 1.5), [mx.array(rng().standard_normal(13).astype(np.float32))], rng(1))


def test_the_slope_is_right_where_the_curve_is_flat():
    x = np.linspace(-40, 40, 333).astype(np.float32)
    slope = as_double(mx.grad(lambda a: mx.sum(kernels.soft_cap(a, 2.0)))(mx.array(x)))
    np.testing.assert_allclose(slope, 1 / np.cosh(x.astype(np.float64) / 2)**2, rtol=3e-6)


@pytest.mark.on_reference
@pytest.mark.parametrize("cap", [0.0, -1.0, np.inf, np.nan, 1e-45])
def test_other_caps_are_refused(cap):
    with pytest.raises(ValueError, match=r"\[anymetal\.kernels\.soft_cap\] cap: .* was given; a finite number greater than 0 is wanted"):
        kernels.soft_cap(mx.zeros(3), cap)


@pytest.mark.on_reference
@pytest.mark.parametrize("dtype", [mx.int32, mx.bool_, mx.complex64])
def test_other_types_are_refused(dtype):
    with pytest.raises(ValueError, match=r"soft_cap\] x: \S+\[3\] was given; float32, float16 or bfloat16 is wanted"):
        kernels.soft_cap(mx.zeros(3).astype(dtype), 1.0)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=70), st.floats(0.125, 1e3, width=32))
def test_stays_within_the_cap_and_keeps_the_order(values, cap):
    out = as_double(kernels.soft_cap(mx.array(np.sort(np.array(values, np.float32))), cap))
    assert np.max(np.abs(out)) <= cap
    assert np.all(np.diff(out) >= -4 * ULP * cap)


@pytest.mark.parametrize("name", ["soft_cap", "soft_cap_vjp"])
def test_counting_in_64_bits(name):
    """The form for more than 2^31 elements, on fewer: rows of 2^20 threads, the last one partly beyond the data."""
    from anymetal import _kernels

    text = _kernels._kernel_text(name)
    kernel = mx.fast.metal_kernel(name=name + "_large", input_names=text["inputs"], output_names=text["outputs"], source=text["body"], header=text["header"])
    n = 2**20 + 777
    x = mx.array(rng().standard_normal(n).astype(np.float32))
    given = {"x": x, "gy": mx.ones(n), "cap": mx.array([2.0, 0.5]), "shape": mx.array([n, 0], dtype=mx.uint32)}
    (out,) = kernel(inputs=[given[each] for each in text["inputs"]], template=[("T", mx.float32), ("LARGE", True)], grid=(2**20, 2, 1), threadgroup=(256, 1, 1),
                    output_shapes=[(n,)], output_dtypes=[mx.float32])
    exact = 2 * np.tanh(as_double(x) / 2) if name == "soft_cap" else 1 / np.cosh(as_double(x) / 2)**2
    np.testing.assert_allclose(as_double(out), exact, rtol=8 * ULP)
