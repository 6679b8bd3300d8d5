"""Bad input, function by function and kind by kind: a clear error, or a right result. The table below has an entry for each kind; one that is missing fails.

Kinds: `rank`, `dtype`, `shapes` that don't fit each other, `square`, `definite`, `empty`, `views` (not contiguous), `large` (more than 2^31 elements in all). Large arrays are
broadcast single numbers: who refuses, does so before anything is made of them. Where 2^31 elements are right, a test of several gigabytes says so: ANYMETAL_KERNELS_LARGE=1.
"""

import os
import re

import mlx.core as mx
import numpy as np
import pytest
from judged import as_double, norm, positive_definite, rng

from anymetal import kernels

HUGE = (1 << 16, 1 << 16)
NONE = "doesn't apply"
RUNS = "runs"  # more than 2^31 elements are right: test_more_than_2_31_elements has it


def numbers(*shape, dtype=mx.float32):
    return mx.array(rng(len(shape)).standard_normal(shape).astype(np.float32)).astype(dtype)


def huge(*shape, dtype=mx.float32):
    return mx.broadcast_to(mx.zeros(1, dtype), shape)


def definite(n):
    return mx.array(positive_definite(n, 10, rng(n)))


def lower(n):
    return mx.array(np.tril(rng(n).standard_normal((n, n)) + 4 * np.eye(n)).astype(np.float32))


def mixer(u):
    return kernels.monarch_mixer(u, kernels.monarch_mixer_weights(4, 8, order=4, emb_dim=3))


def step(q, k, v, o, i, f):
    return kernels.mlstm_step(q, k, v, o, i, f)[0]


def sequence(q, k, v, o, i, f):
    return kernels.mlstm_sequence(q, k, v, o, i, f)[0]


def heads(*shape):
    return [numbers(*shape, 4), numbers(*shape, 4), numbers(*shape, 3), numbers(*shape, 3), numbers(*shape), -mx.abs(numbers(*shape))]


def huge_heads(*shape):
    return [huge(*shape, 4)] * 4 + [huge(*shape)] * 2


def matrices(call, good, square=False, dtype=(mx.float16, "float32 is wanted"), more=()):
    """What functions of matrices have in common; `good`: its arguments. `more`: those behind the first one, for the empty case."""
    first, rest = good[0], good[1:]
    wrong, words = dtype
    return {"good": good, "rank": ([numbers(3), *rest], r"\[3\] was given"), "dtype": ([first.astype(wrong), *[each.astype(wrong) for each in rest]], words),
            "square": ([numbers(4, 3), *rest], "a square matrix") if square else NONE, "definite": NONE,
            "empty": [([mx.zeros((0, 4, 4)), *more], None), ([mx.zeros((0, 0)), *[mx.zeros((0, 2)) for _ in rest]], None)],
            "large": [([huge(*HUGE), *rest], r"2\^31 elements|at most 1024"), ([huge(*HUGE, 2, 2), *rest], r"fewer than 2\^31 matrices|inner size|batch")],
            "call": call, "shapes": NONE}


TABLE = {
    "gemm": matrices(kernels.gemm, [numbers(3, 4), numbers(4, 5)], dtype=(mx.int32, "float32, float16 or bfloat16"), more=[mx.zeros((4, 2))]) | {
        "shapes": ([numbers(3, 4), numbers(3, 4)], "an inner size of 4"), "empty": [([mx.zeros((0, 4)), numbers(4, 5)], (0, 5)), ([mx.zeros((3, 0)), mx.zeros((0, 5))], (3, 5))],
        "large": [([huge(*HUGE), huge(1 << 16, 1)], r"fewer than 2\^31 elements in each"), ([huge(1 << 16, 1), huge(1, 1 << 16)], r"product of fewer than 2\^31"),
                  ([huge(*HUGE, 2, 2), numbers(2, 2)], r"fewer than 2\^31 matrices"), RUNS]},
    "cholesky": matrices(kernels.cholesky, [definite(70)], square=True) | {"definite": ([-definite(5)], "leading minor of order 1 "), "empty": [([mx.zeros((0, 0))], (0, 0)), ([mx.zeros((0, 3, 3))], (0, 3, 3))]},
    "qr": matrices(lambda a: kernels.qr(a)[0], [numbers(70, 66)]) | {"empty": [([mx.zeros((0, 3))], (0, 0)), ([mx.zeros((3, 0))], (3, 0))]},
    "svd": matrices(lambda a: kernels.svd(a)[1], [numbers(9, 7)], dtype=(mx.int32, "float32, float16 or bfloat16")) | {"empty": [([mx.zeros((0, 3))], (0,)), ([mx.zeros((2, 3, 0))], (2, 0))]},
    "eigh": matrices(lambda a: kernels.eigh(a)[0], [definite(9)], square=True, dtype=(mx.int32, "float32, float16 or bfloat16")) | {"empty": [([mx.zeros((0, 0))], (0,))]},
    "subspace_svd": matrices(lambda a: kernels.subspace_svd(a, 2)[1], [numbers(9, 7) + 3]) | {"empty": [([mx.zeros((0, 3))], r"rank: 2 was given; 1 to")],
                                                                                              "large": [([huge(*HUGE)], r"2\^31 elements")]},
    "lstsq": matrices(kernels.lstsq, [numbers(9, 4), numbers(9, 2)]) | {"shapes": ([numbers(9, 4), numbers(8, 2)], "the batch and the rows of a"),
                                                                         "empty": [([mx.zeros((0, 3)), mx.zeros((0, 2))], (3, 2)), ([mx.zeros((3, 2)), mx.zeros((3, 0))], (2, 0))]},
    "solve_triangular": matrices(kernels.solve_triangular, [lower(70), numbers(70, 3)], square=True) | {
        "shapes": ([lower(4), numbers(3, 2)], "4 rows, those of a"), "empty": [([mx.zeros((0, 0)), mx.zeros((0, 2))], (0, 2)), ([lower(3), mx.zeros((3, 0))], (3, 0))]},
    "qr_col_dot": {"call": kernels.qr_col_dot, "good": [numbers(9, 4), numbers(9)], "rank": ([numbers(9), numbers(9)], "2 dimensions"), "dtype": ([numbers(9, 4), numbers(9, dtype=mx.float16)], "the type of q"),
                   "shapes": ([numbers(9, 4), numbers(4)], "9 elements"), "square": NONE, "definite": NONE, "empty": [([mx.zeros((0, 3)), mx.zeros(0)], (3,))],
                   "large": [([huge(*HUGE), huge(1 << 16)], r"2\^31 elements")]},
    "qr_update_vec": {"call": kernels.qr_update_vec, "good": [numbers(9, 4), numbers(9), numbers(4)], "rank": ([numbers(9), numbers(9), numbers(4)], "2 dimensions"),
                      "dtype": ([numbers(9, 4), numbers(9), numbers(4, dtype=mx.float16)], "the type of q"), "shapes": ([numbers(9, 4), numbers(9), numbers(9)], "4 elements"), "square": NONE,
                      "definite": NONE, "empty": [([mx.zeros((2, 0)), numbers(2), mx.zeros(0)], (2,))], "large": [([huge(*HUGE), huge(1 << 16), huge(1 << 16)], r"2\^31 elements")]},
    "exp_elementwise": {"call": kernels.exp_elementwise, "good": [numbers(9, 7)], "rank": NONE, "dtype": ([numbers(3).astype(mx.int32)], "float32, float16 or bfloat16"), "shapes": NONE, "square": NONE,
                        "definite": NONE, "empty": [([mx.zeros((0, 3))], (0, 3))], "large": [RUNS]},
    "soft_cap": {"call": lambda x: kernels.soft_cap(x, 2.0), "good": [numbers(9, 7)], "rank": NONE, "dtype": ([numbers(3).astype(mx.int32)], "float32, float16 or bfloat16"), "shapes": NONE, "square": NONE,
                 "definite": NONE, "empty": [([mx.zeros((0, 3))], (0, 3))], "large": [RUNS]},
    "depthwise_conv": {"call": kernels.depthwise_conv, "good": [numbers(2, 3, 9), numbers(3, 3)], "rank": ([numbers(3, 9), numbers(3, 3)], "3 dimensions"),
                       "dtype": ([numbers(2, 3, 9), numbers(3, 3, dtype=mx.float16)], "the type of x"), "shapes": ([numbers(2, 3, 9), numbers(4, 3)], "3 channels"), "square": NONE, "definite": NONE,
                       "empty": [([mx.zeros((0, 3, 5)), numbers(3, 3)], (0, 3, 5))], "large": [RUNS]},
    "depthwise_conv_3tap": {"call": kernels.depthwise_conv_3tap, "good": [numbers(2, 3, 9), numbers(3, 3)], "rank": ([numbers(3, 9), numbers(3, 3)], "3 dimensions"),
                            "dtype": ([numbers(2, 3, 9), numbers(3, 3, dtype=mx.float16)], "the type of x"), "shapes": ([numbers(2, 3, 9), numbers(3, 4)], r"\(channels, 3\)"), "square": NONE, "definite": NONE,
                            "empty": [([mx.zeros((2, 3, 0)), numbers(3, 3)], (2, 3, 0))], "large": [RUNS]},
    "monarch_mixer": {"call": mixer, "good": [numbers(2, 7, 4)], "rank": ([numbers(7, 4)], "3 dimensions"), "dtype": ([numbers(2, 7, 4).astype(mx.int32)], "float32, float16 or bfloat16"),
                      "shapes": ([numbers(2, 9, 4)], "a length of 9"), "square": NONE, "definite": NONE, "empty": [([mx.zeros((0, 7, 4))], (0, 7, 4))], "large": [([huge(1 << 28, 8, 4)], r"fewer than 2\^31 elements")]},
    "mlstm_step": {"call": step, "good": heads(2), "rank": ([mx.array(1.0), *heads(2)[1:]], "dimensions"), "dtype": ([numbers(2, 4).astype(mx.int32), *heads(2)[1:]], "float32, float16 or bfloat16"),
                   "shapes": ([numbers(2, 4), numbers(2, 5), *heads(2)[2:]], r"the shape \[2, 4\]"), "square": NONE, "definite": NONE, "empty": [(heads(0), (0, 3))], "large": [(huge_heads(1 << 24), r"at most 2\^23 steps")]},
    "mlstm_sequence": {"call": sequence, "good": heads(2, 5), "rank": ([numbers(4), *heads(2, 5)[1:]], "dimensions"), "dtype": ([numbers(2, 5, 4).astype(mx.int32), *heads(2, 5)[1:]], "float32, float16 or bfloat16"),
                       "shapes": ([numbers(2, 5, 4), numbers(2, 6, 4), *heads(2, 5)[2:]], r"the shape \[2, 5, 4\]"), "square": NONE, "definite": NONE, "empty": [(heads(2, 0), (2, 0, 3))],
                       "large": [(huge_heads(1 << 12, 1 << 12), r"at most 2\^23 steps")]},
}
for _name in ("sum", "sum_limbs"):
    TABLE[_name] = {"call": lambda x, f=getattr(kernels, _name): f(x), "good": [numbers(9, 7)], "rank": NONE, "dtype": ([numbers(3).astype(mx.int32)], "float32, float16 or bfloat16"), "shapes": NONE, "square": NONE, "definite": NONE,
                    "empty": [([mx.zeros((0, 3))], ())], "large": [([huge(*HUGE)], r"fewer than 2\^31")]}
for _name in ("dot", "dot_limbs"):
    TABLE[_name] = {"call": getattr(kernels, _name), "good": [numbers(9, 7), numbers(9, 7)], "rank": ([mx.array(1.0), mx.array(1.0)], "dimensions"), "dtype": ([numbers(3), numbers(3, dtype=mx.float16)], "the type of x"),
                    "shapes": ([numbers(3), numbers(4)], "the shape of x"), "square": NONE, "definite": NONE, "empty": [([mx.zeros((2, 0)), mx.zeros((2, 0))], (2,))], "large": [([huge(1 << 27, 32)] * 2, r"at most 2\^26 sums")]}
for _name in ("gemv", "gemv_limbs"):
    TABLE[_name] = {"call": getattr(kernels, _name), "good": [numbers(9, 7), numbers(7)], "rank": ([numbers(9), numbers(7)], r"\[9\] was given; a matrix"), "dtype": ([numbers(9, 7), numbers(7, dtype=mx.float16)], "the type of a"),
                    "shapes": ([numbers(9, 7), numbers(9)], "a's 7 columns"), "square": NONE, "definite": NONE, "empty": [([mx.zeros((2, 0)), mx.zeros(0)], (2,))], "large": [([huge(*HUGE), huge(1 << 16)], r"2\^31 elements")]}

NO_ARRAYS = {"NoBackEndError", "NotPositiveDefiniteError", "gemm_tile", "gemm_tiles", "tune_gemm", "monarch_mixer_weights"}
KINDS = ["rank", "dtype", "shapes", "square", "definite", "empty", "large"]


def test_every_function_and_every_kind_is_in_the_table():
    assert set(TABLE) == set(kernels.__all__) - NO_ARRAYS
    for name, entry in TABLE.items():
        assert set(KINDS) <= set(entry), name


def first(result):
    return result[0] if isinstance(result, (tuple, list)) else result


CASES = [(name, kind, at, case) for name, entry in TABLE.items() for kind in KINDS
         for at, case in enumerate(entry[kind] if isinstance(entry[kind], list) else [entry[kind]]) if case not in (NONE, RUNS)]


@pytest.mark.parametrize("name,kind,case", [pytest.param(name, kind, case, id=f"{name}-{kind}-{at}") for name, kind, at, case in CASES])
def test_is_refused_or_right(name, kind, case):
    arguments, expected = case
    call = TABLE[name]["call"]
    if isinstance(expected, str):
        with pytest.raises(ValueError, match=rf"\[anymetal\.kernels\.\w+\] .* was given.*") as caught:
            call(*arguments)
        assert re.search(expected, str(caught.value)), caught.value
        return
    result = first(call(*arguments))
    mx.eval(result)
    assert expected is None or result.shape == expected
    assert not np.any(np.isnan(np.array(result.astype(mx.float32))))


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("way", ["every other column", "turned round", "transposed"])
def test_views_give_what_contiguous_arrays_give(name, way):
    def seen(array):
        """The same numbers in an array that isn't contiguous."""
        if array.ndim == 0:
            return array
        if way == "every other column":
            return mx.repeat(array, 2, axis=-1)[..., ::2]
        if way == "turned round":
            return mx.contiguous(array[..., ::-1])[..., ::-1]
        return mx.contiguous(array.T).T
    call, good = TABLE[name]["call"], TABLE[name]["good"]
    plain, viewed = call(*good), call(*[seen(each) for each in good])
    for one, other in zip(*[each if isinstance(each, (tuple, list)) else [each] for each in (plain, viewed)]):
        size = norm(as_double(one)) + 1e-30
        assert norm(as_double(one) - as_double(other)) <= 1e-5 * size


@pytest.mark.parametrize("name", TABLE)
def test_what_is_no_array_is_refused(name):
    good = TABLE[name]["good"]
    for at in range(len(good)):
        with pytest.raises(TypeError):
            TABLE[name]["call"](*good[:at], "a", *good[at + 1:])


LARGE = pytest.mark.skipif("ANYMETAL_KERNELS_LARGE" not in os.environ, reason="takes 9 GB of memory and minutes: ANYMETAL_KERNELS_LARGE=1")


@LARGE
@pytest.mark.parametrize("name", ["exp_elementwise", "soft_cap"])
def test_more_than_2_31_elements(name):
    rows, columns = 33, (1 << 26) + 13  # a dimension of MLX's is less than 2^31
    x = mx.full((rows, columns), 0.5, mx.float16)
    x[-1, -1] = 1.25
    mx.eval(x)
    y = TABLE[name]["call"](x)
    mx.eval(y)
    of = np.exp if name == "exp_elementwise" else lambda each: 2 * np.tanh(each / 2)
    half = y[0, 0].item()
    assert y.shape == x.shape and half == pytest.approx(of(0.5), rel=1e-3)
    assert y[-1, -1].item() == pytest.approx(of(1.25), rel=1e-3)
    for row in range(rows):  # one by one: a comparison of all would take as much memory again
        assert int(mx.sum(y[row] != half).item()) == (row == rows - 1), row


@LARGE
def test_more_than_2_31_elements_are_convolved():
    length = (1 << 26) + 13
    x = mx.full((2, 17, length), 0.5, mx.float16)
    x[1, 16, -1] = 2.0
    w = mx.ones((17, 3), mx.float16)
    mx.eval(x, w)
    y = kernels.depthwise_conv(x, w)
    mx.eval(y)
    assert y[1, 16, -3:].tolist() == [1.5, 3.0, 2.5] and y[0, 0, :2].tolist() == [1.0, 1.5]
    for image in range(2):
        for channel in range(17):
            is_changed = (image, channel) == (1, 16)
            assert int(mx.sum(y[image, channel] != 1.5).item()) == (3 if is_changed else 2), (image, channel)


@LARGE
def test_more_than_2_31_elements_in_a_batch_of_products():
    count = (1 << 17) + 3
    a = mx.full((count, 128, 128), 0.5, mx.float16)
    a[-1, -1, -1] = 2.5
    b = mx.ones((128, 1), mx.float16)
    mx.eval(a, b)
    c = kernels.gemm(a, b)
    mx.eval(c)
    assert c[-1, -1, 0].item() == 66 and int(mx.sum(c != 64).item()) == 1
