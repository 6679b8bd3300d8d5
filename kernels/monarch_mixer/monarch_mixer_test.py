"""monarch_mixer against a plain version in double: sums in place of FFTs for short lengths, NumPy's FFT for long ones."""

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judged import DTYPES, as_double, rng

from anymetal import kernels

EPS = 2.0**-24


def layers(weights, name, z, w_mod):
    h, at = z, 0
    while f"{name}.{at + 2}.weight" in weights:
        h = np.sin(w_mod * weights[f"{name}.{at + 1}.freq"] * (h @ weights[f"{name}.{at}.weight"].T + weights[f"{name}.{at}.bias"]))
        at += 2
    return h @ weights[f"{name}.{at}.weight"].T


def filters(weights, name, length, w_mod):
    """k and k_rev, (width, length) each."""
    z, t = weights[name + ".pos_emb.z"][0, :length], weights[name + ".pos_emb.t"][0, :length]
    decay = np.exp(-t * np.abs(weights[name + ".modulation.deltas"][0]))
    k = layers(weights, name + ".implicit_filter", z, w_mod) * decay
    if name + ".implicit_filter_rev.0.weight" not in weights:
        return k.T, np.zeros(k.T.shape)
    return k.T, (layers(weights, name + ".implicit_filter_rev", z, w_mod) * decay).T


def convolved(x, k, k_rev):
    """By the definition where that is quick, else by FFT of the doubled length."""
    length = x.shape[-1]
    if length <= 16:
        y = np.zeros(x.shape)
        for t in range(length):
            for s in range(length):
                y[..., t] += (k[:, t - s] if s <= t else k_rev[:, s - t - 1]) * x[..., s]
        return y
    period = np.concatenate([k, k_rev[:, ::-1]], 1)
    return np.fft.irfft(np.fft.rfft(x, 2 * length) * np.fft.rfft(period), 2 * length)[..., :length]


def plain(u, weights, w_mod=1.0):
    length = u.shape[1]
    x = (u @ weights["in_linear.weight"].T + weights["in_linear.bias"]).transpose(0, 2, 1)
    taps = weights["short_filter.weight"][:, 0]
    padded = np.pad(x, ((0, 0), (0, 0), (taps.shape[1] - 1, 0)))
    x = sum(taps[:, j, None] * padded[:, :, j:j + length] for j in range(taps.shape[1])) + weights["short_filter.bias"][:, None]
    x1, x2, v = np.split(x, 3, 1)

    def long(x, name):
        return convolved(x, *filters(weights, name, length, w_mod)) + weights[name + ".bias"][:, None] * x
    y = long(v * x1, "filter_fn") * x2
    if "filter_fn2.bias" in weights:
        y = y + long(u.transpose(0, 2, 1), "filter_fn2")
    return y.transpose(0, 2, 1) @ weights["out_linear.weight"].T + weights["out_linear.bias"]


def doubled(weights):
    return {name: as_double(each) for name, each in weights.items()}


def check(batch, length, width, l_max, tolerance=2e-5, w_mod=1.0, **sizes):
    weights = kernels.monarch_mixer_weights(width, l_max, **sizes)
    u = mx.array(rng(length).standard_normal((batch, length, width)).astype(np.float32))
    out = kernels.monarch_mixer(u, weights, w_mod=w_mod)
    exact = plain(as_double(u), doubled(weights), w_mod)
    assert out.shape == u.shape and out.dtype == mx.float32
    assert np.max(np.abs(as_double(out) - exact)) <= tolerance * np.abs(exact).max()


def test_as_in_the_guide():
    check(2, 64, 768, 64)


def test_a_long_sequence():
    check(1, 1024, 768, 1024)


@pytest.mark.parametrize("batch,length,width,l_max", [(1, 1, 1, 1), (2, 1, 5, 8), (3, 7, 4, 7), (1, 16, 3, 32), (2, 97, 13, 128), (1, 31, 33, 31)])
@pytest.mark.parametrize("bidirectional,residual", [(True, True), (False, True), (True, False), (False, False)])
def test_shapes(batch, length, width, l_max, bidirectional, residual):
    check(batch, length, width, l_max, order=16, emb_dim=3, bidirectional=bidirectional, residual=residual)


@pytest.mark.parametrize("layers", [1, 2, 5])
def test_layers_of_the_filter(layers):
    check(1, 12, 6, 16, order=8, emb_dim=7, layers=layers, w=2.0, w_mod=0.5)


@pytest.mark.on_reference
def test_a_small_one():
    check(1, 5, 3, 8, order=4, emb_dim=3)


@pytest.mark.on_reference
def test_the_embedding_and_the_decays_are_the_published_ones():
    weights = doubled(kernels.monarch_mixer_weights(4, 10, emb_dim=5, order=2))
    turn = 2 * np.pi * np.arange(10) / 10
    z = np.exp(-1j * np.linspace(1e-4, 1, 2)[None] * turn[:, None])
    expected = np.concatenate([np.linspace(0, 1, 10)[:, None], z.real, z.imag], 1)
    np.testing.assert_allclose(weights["filter_fn.pos_emb.z"][0], expected, atol=1e-7)
    np.testing.assert_allclose(weights["filter_fn.modulation.deltas"][0, 0], np.linspace(np.log(0.01) / 1.5, np.log(0.01) / 0.3, 4), rtol=1e-6)


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_half_is_computed_in_float(name):
    dtype, eps = DTYPES[name]
    weights = kernels.monarch_mixer_weights(8, 16, order=8, emb_dim=3)
    u = mx.array(rng().standard_normal((2, 16, 8)).astype(np.float32)).astype(dtype)
    out = kernels.monarch_mixer(u, weights)
    exact = plain(as_double(u), doubled(weights))
    assert out.dtype == dtype
    assert np.all(np.abs(as_double(out) - exact) <= 1.01 * eps * np.abs(exact) + 2e-5 * np.abs(exact).max())


def test_names_with_a_prefix():
    weights = kernels.monarch_mixer_weights(4, 8, order=4, emb_dim=3)
    u = mx.array(rng().standard_normal((1, 8, 4)).astype(np.float32))
    named = {"layer.0." + name: each for name, each in weights.items()} | {"layer.1.mlp.weight": mx.zeros(3)}
    np.testing.assert_array_equal(np.array(kernels.monarch_mixer(u, named, prefix="layer.0.")), np.array(kernels.monarch_mixer(u, weights)))


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 40), st.integers(1, 9), st.booleans(), st.integers(0, 2**31))
def test_what_comes_later_is_seen_by_both_directions_alone(length, width, bidirectional, seed):
    """Without a filter for what comes later the mixer is causal."""
    weights = kernels.monarch_mixer_weights(width, length, order=4, emb_dim=3, bidirectional=bidirectional, seed=seed % 1000)
    u = np.random.default_rng(seed).standard_normal((1, length, width)).astype(np.float32)
    half = length // 2
    changed = u.copy()
    changed[:, half:] += 1
    before, after = (as_double(kernels.monarch_mixer(mx.array(each), weights)) for each in (u, changed))
    off = np.abs(before - after)[:, :half]
    if not bidirectional:
        assert np.max(off, initial=0) <= 2e-5 * np.abs(before).max()
    assert np.max(np.abs(before - plain(u.astype(np.float64), doubled(weights)))) <= 3e-5 * max(np.abs(before).max(), 1e-3)


@pytest.mark.on_reference
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_stays_in_its_sequence(value):
    weights = kernels.monarch_mixer_weights(4, 8, order=4, emb_dim=3)
    u = rng(3).standard_normal((2, 8, 4)).astype(np.float32)
    u[0, 3, 1] = value
    out = np.array(kernels.monarch_mixer(mx.array(u), weights))
    assert not np.all(np.isfinite(out[0])) and np.all(np.isfinite(out[1]))


@pytest.mark.on_reference
def test_empty():
    weights = kernels.monarch_mixer_weights(4, 8, order=4, emb_dim=3)
    assert kernels.monarch_mixer(mx.zeros((0, 8, 4)), weights).shape == (0, 8, 4)
    assert kernels.monarch_mixer(mx.zeros((2, 0, 4)), weights).shape == (2, 0, 4)


def test_gradients_against_differences_in_double():
    """Of u and of each weight, along a direction; the differences are those of the plain version, so they are exact to 1e-8."""
    weights = kernels.monarch_mixer_weights(3, 9, order=4, emb_dim=3, w=1.0)
    u = mx.array(rng(1).standard_normal((2, 9, 3)).astype(np.float32))
    cotangent = rng(2).standard_normal(u.shape)
    gu, gw = mx.grad(lambda u, w: mx.sum(kernels.monarch_mixer(u, w) * mx.array(cotangent.astype(np.float32))), argnums=(0, 1))(u, weights)
    values = doubled(weights) | {"u": as_double(u)}
    for name, gradient in (dict(gw) | {"u": gu}).items():
        direction = rng(len(name)).standard_normal(values[name].shape)

        def along(step):
            moved = values | {name: values[name] + step * direction}
            return np.sum(plain(moved.pop("u"), moved) * cotangent)
        expected = (along(1e-5) - along(-1e-5)) / 2e-5
        actual = np.sum(as_double(gradient) * direction)
        size = np.sqrt(np.sum(as_double(gradient)**2) * direction.size) + 1e-3
        assert abs(actual - expected) <= 1e-4 * size, name


@pytest.mark.on_reference
@pytest.mark.parametrize("change,words", [
    (lambda w: w.pop("filter_fn.bias"), "weights: filter_fn.bias is missing"),
    (lambda w: w.pop("filter_fn2.implicit_filter_rev.0.bias"), "filter_fn2.implicit_filter_rev.0.bias is missing"),
    (lambda w: w.update({"filter_fn.biass": mx.zeros(4)}), "filter_fn.biass is none of the mixer's names"),
    (lambda w: w.update({"in_linear.weight": mx.zeros((4, 4))}), r"in_linear.weight: float32\[4, 4\] was given; the shape \[12, 4\]"),
    (lambda w: w.update({"short_filter.weight": mx.zeros((12, 3))}), r"short_filter.weight: .* the shape \[12, 1, any\]"),
    (lambda w: w.update({"out_linear.bias": mx.zeros(4, mx.int32)}), "out_linear.bias: int32"),
    (lambda w: w.update({"filter_fn.pos_emb.z": mx.zeros((1, 5, 3))}), "u: a length of 8 was given; at most the 5 steps"),
])
def test_bad_weights(change, words):
    weights = kernels.monarch_mixer_weights(4, 8, order=4, emb_dim=3)
    change(weights)
    with pytest.raises(ValueError, match=words):
        kernels.monarch_mixer(mx.zeros((1, 8, 4)), weights)


@pytest.mark.on_reference
def test_bad_input():
    weights = kernels.monarch_mixer_weights(4, 8, order=4, emb_dim=3)
    for u, words in [(mx.zeros((8, 4)), "u: .* 3 dimensions"), (mx.zeros((1, 9, 4)), "a length of 9"), (mx.zeros((1, 8, 5)), "in_linear.weight"),
                     (mx.zeros((1, 8, 4), mx.int32), "u: int32")]:
        with pytest.raises(ValueError, match=words):
            kernels.monarch_mixer(u, weights)
    for sizes, words in [({"emb_dim": 4}, "emb_dim: 4 was given; an odd number"), ({"d_model": 0}, "d_model: 0"), ({"layers": 0}, "layers: 0")]:
        with pytest.raises(ValueError, match=words):
            kernels.monarch_mixer_weights(**sizes)
