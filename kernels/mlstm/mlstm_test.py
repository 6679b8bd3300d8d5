"""mlstm_step against the plain recurrence in double, over 1,000 steps; mlstm_sequence against the steps."""

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judged import DTYPES, as_double, check_gradient, launches_of, rng

from anymetal import kernels

EPS = 2.0**-24
NAMES = ["q", "k", "v", "o", "log_i", "log_f"]


def plain_step(q, k, v, o, log_i, log_f, state):
    """In double. Also what h's rounding is measured by: o |C| |q| / divisor, and the divisor's own part of it."""
    c, n, m = state
    scaled = k / np.sqrt(k.shape[-1])
    kept = log_f + m
    m = np.maximum(kept, log_i)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        f, i = (np.where(m == -np.inf, 0, np.exp(each - m)) for each in (kept, log_i))
        c = f[..., None, None] * c + (i[..., None] * v)[..., :, None] * scaled[..., None, :]
        n = f[..., None] * n + i[..., None] * scaled
        divisor = np.maximum(np.abs((n * q).sum(-1)), np.exp(-m))[..., None]
        h = o * np.einsum("...ed,...d->...e", c, q) / divisor
        size = np.abs(o) * np.einsum("...ed,...d->...e", np.abs(c), np.abs(q)) / divisor + np.abs(h) * (np.abs(n * q).sum(-1)[..., None] / divisor + 1)
    return h, (c, n, m), size


def made(random, leading, steps, d, e, dtype=mx.float32):
    """Inputs of a sequence, as MLX arrays; the gates of a trained model are much like these."""
    shape = (*leading, steps) if steps is not None else leading
    q, k = (random.standard_normal((*shape, d)).astype(np.float32) for _ in range(2))
    v = random.standard_normal((*shape, e)).astype(np.float32)
    o = (1 / (1 + np.exp(-random.standard_normal((*shape, e))))).astype(np.float32)
    log_i = (2 * random.standard_normal(shape)).astype(np.float32)
    log_f = -np.log1p(np.exp(-3 - random.standard_normal(shape))).astype(np.float32)
    return [mx.array(each).astype(dtype) for each in (q, k, v, o)] + [mx.array(log_i), mx.array(log_f)]


def zeros(leading, d, e):
    return np.zeros((*leading, e, d)), np.zeros((*leading, d)), np.zeros(leading)


def plain(inputs, state):
    """All steps: h, the last state, the sizes."""
    arrays = [as_double(each) for each in inputs]
    outputs, sizes = [], []
    rank = arrays[4].ndim
    for t in range(arrays[4].shape[-1]):
        h, state, size = plain_step(*[each.take(t, rank - 1) for each in arrays], state)
        outputs.append(h)
        sizes.append(size)
    return np.stack(outputs, rank - 1), state, np.stack(sizes, rank - 1)


@pytest.mark.parametrize("d,e", [(64, 64), (37, 41)])
def test_a_thousand_steps(d, e):
    """The bound: (d + 10) eps of the size for each step that the memory lasts; with f about 0.95 that is some 20 of them."""
    leading, steps = (2, 3), 1000
    inputs = made(rng(d), leading, steps, d, e)
    exact, last, size = plain(inputs, zeros(leading, d, e))
    state, outputs = None, []
    for t in range(steps):
        h, state = kernels.mlstm_step(*[each[:, :, t] for each in inputs], state)
        outputs.append(h)
        if t % 50 == 0:
            mx.eval(h, *state)
    out = as_double(mx.stack(outputs, 2))
    assert np.max(np.abs(out - exact) / size) <= 20 * (d + 10) * EPS
    for ours, right in zip(state, last):
        np.testing.assert_allclose(as_double(ours), right, atol=100 * EPS * np.abs(right).max())


@pytest.mark.on_reference
@pytest.mark.parametrize("name", DTYPES)
def test_a_step(name):
    dtype, eps = DTYPES[name]
    inputs = made(rng(1), (2,), None, 33, 7, dtype)
    state = [rng(i).standard_normal(each.shape).astype(np.float32) for i, each in enumerate(zeros((2,), 33, 7))]
    exact, last, size = plain_step(*[as_double(each) for each in inputs], [each.astype(np.float64) for each in state])
    (h, after), launches = launches_of(lambda: kernels.mlstm_step(*inputs, tuple(map(mx.array, state))))
    assert launches == 1 and h.dtype == dtype and all(each.dtype == mx.float32 for each in after)
    assert np.all(np.abs(as_double(h) - exact) <= 43 * EPS * size + 1.01 * eps * np.abs(exact))
    for ours, right in zip(after, last):
        np.testing.assert_allclose(as_double(ours), right, rtol=0, atol=10 * EPS * np.abs(right).max())


@pytest.mark.parametrize("leading,d,e", [((), 5, 3), ((1,), 1, 1), ((3,), 32, 4), ((2, 2), 97, 31), ((1,), 256, 130), ((2,), 8, 0)])
def test_shapes(leading, d, e):
    inputs = made(rng(2), leading, None, d, e)
    h, state = kernels.mlstm_step(*inputs)
    exact, last, size = plain_step(*[as_double(each) for each in inputs], zeros(leading, d, e))
    assert h.shape == (*leading, e) and [each.shape for each in state] == [each.shape for each in zeros(leading, d, e)]
    assert np.all(np.abs(as_double(h) - exact) <= (d + 10) * EPS * size)


@pytest.mark.on_reference
def test_gates_that_are_shut():
    q = k = v = o = mx.ones((1, 4))
    empty = tuple(mx.array(each.astype(np.float32)) for each in zeros((1,), 4, 4))
    empty = (empty[0], empty[1], mx.array([-np.inf]))
    h, (c, n, m) = kernels.mlstm_step(q, k, v, o, mx.array([-np.inf]), mx.array([0.0]), empty)
    assert h.tolist() == [[0] * 4] and m.tolist() == [-np.inf] and not np.array(c).any() and not np.array(n).any()
    full = (mx.ones((1, 4, 4)), mx.ones((1, 4)), mx.array([3.0]))
    h, (c, n, m) = kernels.mlstm_step(q, k, v, o, mx.array([1.0]), mx.array([-np.inf]), full)  # forgets all
    np.testing.assert_allclose(as_double(c), 0.5, rtol=1e-6)
    assert m.tolist() == [1.0]
    h, (c, n, m) = kernels.mlstm_step(q, k, v, o, mx.array([1000.0]), mx.array([500.0]), full)  # exp of either overflows
    assert np.all(np.isfinite(np.array(h))) and m.tolist() == [1000.0]


@pytest.mark.parametrize("steps,chunk,d,e", [(1, 32, 5, 3), (64, 64, 32, 32), (65, 64, 33, 17), (200, 64, 40, 37), (257, 128, 16, 24), (300, 256, 8, 8)])
def test_chunks_against_steps(steps, chunk, d, e):
    leading = (2,)
    inputs = made(rng(steps), leading, steps, d, e)
    state = [rng(i).standard_normal(each.shape) for i, each in enumerate(zeros(leading, d, e))]
    exact, last, size = plain(inputs, state)
    given = tuple(mx.array(each.astype(np.float32)) for each in state)
    h, after = kernels.mlstm_sequence(*inputs, given, chunk=chunk)
    assert h.shape == exact.shape
    # log f sums to less than 40 within these chunks: exponents are off by 40 eps, weights relatively so.
    assert np.max(np.abs(as_double(h) - exact) / size) <= (d + chunk + 80) * EPS
    for ours, right in zip(after, last):
        np.testing.assert_allclose(as_double(ours), right, rtol=0, atol=(chunk + 80) * EPS * np.abs(right).max())
    one, after_one = kernels.mlstm_step(*[each[:, 0] for each in inputs], given)
    np.testing.assert_allclose(as_double(one), as_double(h[:, 0]), atol=(d + chunk + 80) * EPS * size[:, 0].max())


def test_a_thousand_steps_in_chunks_and_parts():
    inputs = made(rng(9), (2, 3), 1000, 64, 64)
    exact, last, size = plain(inputs, zeros((2, 3), 64, 64))
    whole, _ = kernels.mlstm_sequence(*inputs)
    first, state = kernels.mlstm_sequence(*[each[:, :, :400] for each in inputs])
    second, state = kernels.mlstm_sequence(*[each[:, :, 400:] for each in inputs], state)
    parts = mx.concatenate([first, second], 2)
    for out in (whole, parts):
        assert np.max(np.abs(as_double(out) - exact) / size) <= 20 * (64 + 64 + 80) * EPS


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_chunks_in_half(name):
    dtype, eps = DTYPES[name]
    inputs = made(rng(3), (2,), 100, 16, 16, dtype)
    exact, _, size = plain(inputs, zeros((2,), 16, 16))
    h, state = kernels.mlstm_sequence(*inputs)
    assert h.dtype == dtype and state[0].dtype == mx.float32
    assert np.all(np.abs(as_double(h) - exact) <= 200 * EPS * size + 1.01 * eps * np.abs(exact))


def test_padding_and_shut_gates_in_chunks():
    inputs = made(rng(4), (1,), 70, 8, 8)
    inputs[4] = mx.where(mx.arange(70)[None] % 3 == 0, mx.array(-np.inf), inputs[4])
    exact, _, size = plain(inputs, zeros((1,), 8, 8))
    h, _ = kernels.mlstm_sequence(*inputs)
    assert np.max(np.abs(as_double(h) - exact) / np.maximum(size, 1e-30)) <= 200 * EPS


@pytest.mark.on_reference
def test_empty():
    assert kernels.mlstm_step(*made(rng(), (0,), None, 3, 4))[0].shape == (0, 4)
    assert kernels.mlstm_sequence(*made(rng(), (2,), 0, 3, 4))[0].shape == (2, 0, 4)


def flat(result):
    return [result[0], *result[1]]


@pytest.mark.on_reference
def test_gradient_of_a_step():
    inputs = made(rng(5), (2,), None, 5, 3)
    state = [mx.array(rng(i).standard_normal(each.shape).astype(np.float32)) for i, each in enumerate(zeros((2,), 5, 3))]
    check_gradient(lambda *all: flat(kernels.mlstm_step(*all[:6], tuple(all[6:]))), [*inputs, *state], rng(6), step=4e-3)


def test_gradient_of_a_sequence():
    inputs = made(rng(7), (2,), 40, 5, 3)
    inputs[:2] = [mx.abs(each) + 0.5 for each in inputs[:2]]  # |n . q| stays away from 0, where h has poles and kinks
    state = [mx.array(rng(i).standard_normal(each.shape).astype(np.float32)) for i, each in enumerate(zeros((2,), 5, 3))]
    check_gradient(lambda *all: flat(kernels.mlstm_sequence(*all[:6], tuple(all[6:]), chunk=32)), [*inputs, *state], rng(8), step=4e-3)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 40), st.integers(1, 20), st.integers(1, 20), st.integers(-60, 60), st.integers(0, 2**31))
def test_what_all_exponents_share_changes_nothing(steps, d, e, shift, seed):
    """C exp(m) and n exp(m) are what counts: a state whose m is lower by as much as log i, with the divisor's exp(-m) out of play, gives the same h."""
    inputs = made(np.random.default_rng(seed), (1,), steps, d, e)
    inputs[0], inputs[1] = mx.abs(inputs[0]) + 1, mx.abs(inputs[1]) + 1  # n . q is large
    inputs[4] = inputs[4] + 30
    state = (mx.zeros((1, e, d)), mx.zeros((1, d)), mx.array([-np.inf]))
    plain_h, _ = kernels.mlstm_sequence(*inputs, state, chunk=32)
    inputs[4] = inputs[4] + max(shift, -20)
    moved, _ = kernels.mlstm_sequence(*inputs, state, chunk=32)
    np.testing.assert_allclose(as_double(moved), as_double(plain_h), rtol=1e-3, atol=1e-4 * np.abs(as_double(plain_h)).max())


@pytest.mark.on_reference
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_stays_in_its_head(value):
    inputs = made(rng(11), (2,), None, 6, 5)
    v = np.array(inputs[2])
    v[0, 3] = value
    inputs[2] = mx.array(v)
    h, (c, n, m) = kernels.mlstm_step(*inputs)
    assert not np.isfinite(np.array(h)[0, 3]) and np.all(np.isfinite(np.delete(np.array(h)[0], 3))) and np.all(np.isfinite(np.array(h)[1]))
    assert np.all(np.isfinite(np.array(n))) and np.all(np.isfinite(np.array(m))) and not np.any(np.isfinite(np.array(c)[0, 3]))


@pytest.mark.on_reference
def test_denormals():
    inputs = made(rng(12), (1,), None, 4, 3)
    inputs[2] = inputs[2] * 1e-40
    exact, _, size = plain_step(*[as_double(each) for each in inputs], zeros((1,), 4, 3))
    assert np.all(np.abs(as_double(kernels.mlstm_step(*inputs)[0]) - exact) <= 14 * EPS * size + 2e-44)


ONE = [mx.zeros((2, 4)), mx.zeros((2, 4)), mx.zeros((2, 3)), mx.zeros((2, 3)), mx.zeros(2), mx.zeros(2)]
STATE = (mx.zeros((2, 3, 4)), mx.zeros((2, 4)), mx.zeros(2))


@pytest.mark.on_reference
@pytest.mark.parametrize("at,value,words", [
    (0, mx.zeros((2, 4), mx.int32), r"q: int32\[2, 4\] was given; float32"),
    (0, mx.array(1.0), "q: .* dimensions"),
    (1, mx.zeros((2, 5)), r"k: float32\[2, 5\] was given; the shape \[2, 4\]"),
    (1, mx.zeros((2, 4), mx.float16), "k: float16.* the type of q"),
    (2, mx.zeros((3, 3)), "v: "),
    (3, mx.zeros((2, 4)), "o: "),
    (4, mx.zeros((2, 1)), r"log_i: float32\[2, 1\] was given; the shape \[2\]"),
    (5, mx.zeros(2, mx.int32), "log_f: int32"),
    (6, (mx.zeros((2, 4, 4)), *STATE[1:]), r"c: .* the shape \[2, 3, 4\]"),
    (6, (STATE[0], mx.zeros((2, 3)), STATE[2]), "n: "),
    (6, (*STATE[:2], mx.zeros(2, mx.float16)), "m: float16.* float32 is wanted"),
])
def test_bad_input(at, value, words):
    arguments = [*ONE, STATE]
    arguments[at] = value
    with pytest.raises(ValueError, match=r"\[anymetal\.kernels\.mlstm_step\] " + words):
        kernels.mlstm_step(*arguments)


@pytest.mark.on_reference
def test_other_chunks_are_refused():
    with pytest.raises(ValueError, match="chunk: 50 was given; 32, 64, 128 or 256"):
        kernels.mlstm_sequence(*[each[None] for each in ONE], chunk=50)
    with pytest.raises(ValueError, match=r"mlstm_sequence\] q: float32\[4\] was given"):
        kernels.mlstm_sequence(*[mx.zeros(4)] * 4, mx.zeros(()), mx.zeros(()))
