"""The kernels of the guides that this project grew from, launched as their text says. Where a guide errs, the test shows
what a user is told."""

import os
import subprocess
import sys
import textwrap

import mlx.core as mx
import numpy as np
import pytest

HEADER = "#include <metal_stdlib>\nusing namespace metal;\n"


def rounded_up(n, multiple):
    return (n + multiple - 1) // multiple * multiple


def test_my_kernel_adds_one():
    kernel = mx.fast.metal_kernel(
        name="my_kernel", input_names=["A", "shape"], output_names=["out"], header=HEADER, ensure_row_contiguous=True,
        source=r"""
            uint tid = thread_position_in_grid.x;
            uint m = (uint)shape[0];
            if (tid >= m) return;
            out[tid] = A[tid] + 1.0f;
        """)
    m = 1000
    x = mx.random.normal((m,))
    (y,) = kernel(inputs=[x, mx.array([m], dtype=mx.uint32)], output_shapes=[(m,)], output_dtypes=[x.dtype],
                  grid=(rounded_up(m, 256), 1, 1), threadgroup=(256, 1, 1))
    assert mx.array_equal(y, x + 1)


@pytest.mark.parametrize("dtype, tolerance", [(mx.float32, 1e-6), (mx.float16, 1e-3), (mx.bfloat16, 8e-3)], ids=str)
def test_exp1d(dtype, tolerance):
    kernel = mx.fast.metal_kernel(
        name="exp1d", input_names=["a", "shape"], output_names=["out"], header=HEADER, ensure_row_contiguous=True,
        source=r"""
            uint tid = thread_position_in_grid.x;
            uint n = (uint)shape[0];
            if (tid >= n) return;
            out[tid] = exp(a[tid]);
        """)
    a = mx.random.normal((7, 143)).astype(dtype)
    n = int(a.size)
    (y,) = kernel(inputs=[a, mx.array([n], dtype=mx.uint32)], output_shapes=[a.shape], output_dtypes=[a.dtype],
                  grid=((n + 255) // 256 * 256, 1, 1), threadgroup=(256, 1, 1))
    expected = np.exp(np.array(a.astype(mx.float32), dtype=np.float64))
    np.testing.assert_allclose(np.array(y.astype(mx.float32)), expected, rtol=tolerance)


def test_qr_col_dot_projects_on_columns():
    kernel = mx.fast.metal_kernel(
        name="qr_col_dot", input_names=["Q", "v", "shape"], output_names=["out"], header=HEADER,
        ensure_row_contiguous=True,
        source=r"""
            uint gid = thread_position_in_grid.x;
            uint m = (uint)shape[0];
            uint k = (uint)shape[1];
            if (gid >= k) return;
            float acc = 0.0f;
            for (uint i = 0; i < m; ++i) {
                acc += Q[i * k + gid] * v[i];
            }
            out[gid] = acc;
        """)
    for m, k in ((64, 16), (301, 77), (5, 1)):
        Q, v = mx.random.normal((m, k)), mx.random.normal((m,))
        (c,) = kernel(inputs=[Q, v, mx.array([m, k], dtype=mx.uint32)], output_shapes=[(k,)], output_dtypes=[Q.dtype],
                      grid=(rounded_up(k, 64), 1, 1), threadgroup=(64, 1, 1))
        expected = np.array(Q, dtype=np.float64).T @ np.array(v, dtype=np.float64)
        np.testing.assert_allclose(np.array(c), expected, atol=1e-4)


SOFT_CAP = r"""
  int size = int(shape[0]);
  uint id = thread_position_in_grid.x;
  if (id >= size) return;
  float val = input[id];
  out[id] = cap * tanh(val / cap);
"""


def launch_soft_cap(kernel, inputs, n):
    (y,) = kernel(inputs=inputs, output_shapes=[(n,)], output_dtypes=[mx.float32], grid=(rounded_up(n, 256), 1, 1),
                  threadgroup=(256, 1, 1))
    mx.eval(y)
    return y


def test_soft_cap_as_printed_never_declares_cap():
    kernel = mx.fast.metal_kernel(name="softcap", input_names=["input", "shape"], output_names=["out"], header=HEADER,
                                  source=SOFT_CAP, ensure_row_contiguous=True)
    with pytest.raises((RuntimeError, ValueError)) as caught:
        launch_soft_cap(kernel, [mx.zeros((100,)), mx.array([100])], 100)
    text = str(caught.value)
    assert "softcap.source:6:13: error: use of undeclared identifier 'cap'" in text
    assert "    6 |   out[id] = cap * tanh(val / cap);\n      |             ^" in text


def test_soft_cap_with_cap_as_an_input():
    kernel = mx.fast.metal_kernel(name="softcap", input_names=["input", "cap", "shape"], output_names=["out"],
                                  header=HEADER, source=SOFT_CAP, ensure_row_contiguous=True)
    x = mx.random.normal((1000,)) * 50
    y = launch_soft_cap(kernel, [x, mx.array(30.0), mx.array([1000])], 1000)
    nx = np.array(x, dtype=np.float64)
    np.testing.assert_allclose(np.array(y), 30 * np.tanh(nx / 30), rtol=1e-5, atol=1e-6)


DEPTHWISE = r"""
    uint B = params[0];
    uint C = params[1];
    uint L = params[2];

    uint tid = thread_position_in_grid.x;
    uint total = B * C * L;
    if (tid >= total) return;

    uint b = tid / (C * L);
    uint rem = tid % (C * L);
    uint c = rem / L;
    uint t = rem % L;

    float v0 = (t >= 1) ? x[b * C * L + c * L + (t - 1)] : 0.0f;
    float v1 = x[b * C * L + c * L + t];
    float v2 = (t + 1 < L) ? x[b * C * L + c * L + (t + 1)] : 0.0f;

    float k0 = k[c * 3 + 0];
    float k1 = k[c * 3 + 1];
    float k2 = k[c * 3 + 2];

    float acc = v0 * k0;
    acc = fma(v1, k1, acc);
    acc = fma(v2, k2, acc);

    y[tid] = acc;
"""

depthwise = mx.fast.metal_kernel(name="depthwise3", input_names=["params", "x", "k"], output_names=["y"], header=HEADER,
                                 source=DEPTHWISE)


def launch_depthwise(x, taps, grid, threadgroup):
    (y,) = depthwise(inputs=[mx.array(x.shape, dtype=mx.uint32), x, taps], output_shapes=[x.shape],
                     output_dtypes=[mx.float32], grid=grid, threadgroup=threadgroup)
    return y


def groups_as_the_guide_computes_them(x, divide):
    batch, channels, length = (mx.array(n, dtype=mx.uint32) for n in x.shape)
    total = mx.multiply(mx.multiply(batch, channels), length)
    tpg, one = mx.array(256, dtype=mx.uint32), mx.array(1, dtype=mx.uint32)
    return (divide(mx.add(total, mx.subtract(tpg, one)), tpg), one, one), (tpg, one, one)


def test_depthwise_with_a_grid_in_threads():
    x, taps = mx.random.normal((2, 64, 128)), mx.random.normal((64, 3))
    y = launch_depthwise(x, taps, (x.size, 1, 1), (256, 1, 1))
    nx, nk = np.array(x, dtype=np.float64), np.array(taps, dtype=np.float64)
    padded = np.pad(nx, ((0, 0), (0, 0), (1, 1)))
    expected = sum(padded[:, :, i:i + 128] * nk[None, :, i, None] for i in range(3))
    np.testing.assert_allclose(np.array(y), expected, atol=1e-5)


def test_depthwise_grid_by_divide_is_mlx_s_type_error():
    x, taps = mx.random.normal((2, 64, 128)), mx.random.normal((64, 3))
    grid, threadgroup = groups_as_the_guide_computes_them(x, mx.divide)
    with pytest.raises(TypeError):
        launch_depthwise(x, taps, grid, threadgroup)


def test_depthwise_grid_in_threadgroups_leaves_most_of_y_unwritten():
    """The guide's grid counts threadgroups; MLX reads it as threads. ANYMETAL_WARN=coverage says so."""
    script = textwrap.dedent(f"""
        import sys
        sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})
        import mlx.core as mx
        import test_seeds as seeds
        x, taps = mx.random.normal((2, 64, 128)), mx.random.normal((64, 3))
        mx.eval(seeds.launch_depthwise(x, taps, *seeds.groups_as_the_guide_computes_them(x, mx.floor_divide)))
    """)
    done = subprocess.run([sys.executable, "-m", "anymetal", "-c", script], text=True, capture_output=True, timeout=120,
                          env={**os.environ, "ANYMETAL_WARN": "coverage"})
    assert done.returncode == 0, done.stderr
    assert "`y`: 64 of 16,384 elements written" in done.stderr
    assert "depthwise3" in done.stderr and "grid" in done.stderr and "thread" in done.stderr
