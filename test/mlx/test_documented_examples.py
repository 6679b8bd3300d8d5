"""The examples of MLX's page on custom Metal kernels, as a user types them, against NumPy.

The kernels' texts follow that page's interface (names, template T, grid in threads, atomics in the VJP)."""

import os
import subprocess
import sys
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest

TOLERANCE = {mx.float32: 1e-6, mx.float16: 2e-3, mx.bfloat16: 1.6e-2}


def as_numpy(array):
    return np.array(array.astype(mx.float32), dtype=np.float64)


@pytest.mark.parametrize("dtype", [mx.float32, mx.float16, mx.bfloat16], ids=str)
def test_exp_elementwise(dtype):
    kernel = mx.fast.metal_kernel(
        name="myexp", input_names=["inp"], output_names=["out"],
        source="""
            uint elem = thread_position_in_grid.x;
            T tmp = inp[elem];
            out[elem] = metal::exp(tmp);
        """)
    rng = np.random.default_rng(0)
    a = mx.array(rng.standard_normal((4, 16)).astype(np.float32)).astype(dtype)
    (out,) = kernel(inputs=[a], template=[("T", mx.float32)], grid=(a.size, 1, 1), threadgroup=(256, 1, 1),
                    output_shapes=[a.shape], output_dtypes=[a.dtype])
    assert out.dtype == dtype and out.shape == a.shape
    np.testing.assert_allclose(as_numpy(out), np.exp(as_numpy(a)), rtol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", [mx.float32, mx.float16, mx.bfloat16], ids=str)
def test_exp_strided(dtype):
    kernel = mx.fast.metal_kernel(
        name="myexp_strided", input_names=["inp"], output_names=["out"], ensure_row_contiguous=False,
        source="""
            uint elem = thread_position_in_grid.x;
            uint loc = elem_to_loc(elem, inp_shape, inp_strides, inp_ndim);
            T tmp = inp[loc];
            out[elem] = metal::exp(tmp);
        """)
    rng = np.random.default_rng(1)
    whole = mx.array(rng.standard_normal((8, 16)).astype(np.float32)).astype(dtype)
    for a in (whole[::2], whole.T, mx.broadcast_to(whole[3], (5, 16)), whole[1:, 3:7]):
        (out,) = kernel(inputs=[a], template=[("T", mx.float32)], grid=(a.size, 1, 1), threadgroup=(256, 1, 1),
                        output_shapes=[a.shape], output_dtypes=[a.dtype])
        np.testing.assert_allclose(as_numpy(out), np.exp(as_numpy(a)), rtol=TOLERANCE[dtype])


# grid_sample, bilinear, zeros outside. Forward: each thread loads four neighbours, also those outside the image, and throws
# these away afterwards, as MLX's page does.
CORNERS = """
    uint elem = thread_position_in_grid.x;
    int H = x_shape[1];
    int W = x_shape[2];
    int C = x_shape[3];
    int gH = grid_shape[1];
    int gW = grid_shape[2];
    int w_stride = C;
    int h_stride = W * w_stride;
    int b_stride = H * h_stride;
    uint channels = CHANNELS;
    uint grid_idx = elem / channels * 2;
    float ix = ((grid[grid_idx] + 1) * W - 1) / 2;
    float iy = ((grid[grid_idx + 1] + 1) * H - 1) / 2;
    int ix_nw = floor(ix);
    int iy_nw = floor(iy);
    int ix_ne = ix_nw + 1;
    int iy_ne = iy_nw;
    int ix_sw = ix_nw;
    int iy_sw = iy_nw + 1;
    int ix_se = ix_nw + 1;
    int iy_se = iy_nw + 1;
    T nw = (ix_se - ix) * (iy_se - iy);
    T ne = (ix - ix_sw) * (iy_sw - iy);
    T sw = (ix_ne - ix) * (iy - iy_ne);
    T se = (ix - ix_nw) * (iy - iy_nw);
    int batch_idx = elem / channels / gH / gW * b_stride;
    int channel_idx = elem % channels;
    int base_idx = batch_idx + channel_idx;
"""

FORWARD = CORNERS.replace("CHANNELS", "C") + """
    T I_nw = x[base_idx + iy_nw * h_stride + ix_nw * w_stride];
    T I_ne = x[base_idx + iy_ne * h_stride + ix_ne * w_stride];
    T I_sw = x[base_idx + iy_sw * h_stride + ix_sw * w_stride];
    T I_se = x[base_idx + iy_se * h_stride + ix_se * w_stride];
    I_nw = iy_nw >= 0 && iy_nw <= H - 1 && ix_nw >= 0 && ix_nw <= W - 1 ? I_nw : 0;
    I_ne = iy_ne >= 0 && iy_ne <= H - 1 && ix_ne >= 0 && ix_ne <= W - 1 ? I_ne : 0;
    I_sw = iy_sw >= 0 && iy_sw <= H - 1 && ix_sw >= 0 && ix_sw <= W - 1 ? I_sw : 0;
    I_se = iy_se >= 0 && iy_se <= H - 1 && ix_se >= 0 && ix_se <= W - 1 ? I_se : 0;
    out[elem] = nw * I_nw + ne * I_ne + sw * I_sw + se * I_se;
"""

# Backward: channels are padded to whole simdgroups, so that simd_sum adds up one grid point.
BACKWARD = CORNERS.replace("CHANNELS", "ceildiv(C, threads_per_simdgroup) * threads_per_simdgroup") + """
    T gix = T(0);
    T giy = T(0);
    if (channel_idx < C) {
      T cot = cotangent[elem / channels * C + channel_idx];
      if (iy_nw >= 0 && iy_nw <= H - 1 && ix_nw >= 0 && ix_nw <= W - 1) {
        int offset = base_idx + iy_nw * h_stride + ix_nw * w_stride;
        atomic_fetch_add_explicit(&x_grad[offset], nw * cot, memory_order_relaxed);
        T I_nw = x[offset];
        gix -= I_nw * (iy_se - iy) * cot;
        giy -= I_nw * (ix_se - ix) * cot;
      }
      if (iy_ne >= 0 && iy_ne <= H - 1 && ix_ne >= 0 && ix_ne <= W - 1) {
        int offset = base_idx + iy_ne * h_stride + ix_ne * w_stride;
        atomic_fetch_add_explicit(&x_grad[offset], ne * cot, memory_order_relaxed);
        T I_ne = x[offset];
        gix += I_ne * (iy_sw - iy) * cot;
        giy -= I_ne * (ix - ix_sw) * cot;
      }
      if (iy_sw >= 0 && iy_sw <= H - 1 && ix_sw >= 0 && ix_sw <= W - 1) {
        int offset = base_idx + iy_sw * h_stride + ix_sw * w_stride;
        atomic_fetch_add_explicit(&x_grad[offset], sw * cot, memory_order_relaxed);
        T I_sw = x[offset];
        gix -= I_sw * (iy - iy_ne) * cot;
        giy += I_sw * (ix_ne - ix) * cot;
      }
      if (iy_se >= 0 && iy_se <= H - 1 && ix_se >= 0 && ix_se <= W - 1) {
        int offset = base_idx + iy_se * h_stride + ix_se * w_stride;
        atomic_fetch_add_explicit(&x_grad[offset], se * cot, memory_order_relaxed);
        T I_se = x[offset];
        gix += I_se * (iy - iy_nw) * cot;
        giy += I_se * (ix - ix_nw) * cot;
      }
    }
    T gix_mult = W / 2;
    T giy_mult = H / 2;
    gix = simd_sum(gix);
    giy = simd_sum(giy);
    if (thread_index_in_simdgroup == 0) {
      atomic_fetch_add_explicit(&grid_grad[grid_idx], gix * gix_mult, memory_order_relaxed);
      atomic_fetch_add_explicit(&grid_grad[grid_idx + 1], giy * giy_mult, memory_order_relaxed);
    }
"""

forward = mx.fast.metal_kernel(name="grid_sample", input_names=["x", "grid"], output_names=["out"], source=FORWARD)
backward = mx.fast.metal_kernel(name="grid_sample_grad", input_names=["x", "grid", "cotangent"],
                                output_names=["x_grad", "grid_grad"], source=BACKWARD, atomic_outputs=True)


@mx.custom_function
def grid_sample(x, grid):
    shape = (x.shape[0], *grid.shape[1:3], x.shape[3])
    (out,) = forward(inputs=[x, grid], template=[("T", x.dtype)], output_shapes=[shape], output_dtypes=[x.dtype],
                     grid=(int(np.prod(shape)), 1, 1), threadgroup=(256, 1, 1))
    return out


@grid_sample.vjp
def grid_sample_vjp(primals, cotangent, _):
    x, grid = primals
    batch, g_height, g_width, _ = grid.shape
    padded = (x.shape[3] + 31) // 32 * 32
    x_grad, grid_grad = backward(inputs=[x, grid, cotangent], template=[("T", x.dtype)],
                                 output_shapes=[x.shape, grid.shape], output_dtypes=[x.dtype, x.dtype],
                                 grid=(batch * g_height * g_width * padded, 1, 1), threadgroup=(256, 1, 1), init_value=0)
    return x_grad, grid_grad


def corners(x, grid):
    """The four neighbours of each grid point: their y and x, weight, the weight's derivatives, and whether they exist."""
    height, width = x.shape[1:3]
    ix = ((grid[..., 0] + 1) * width - 1) / 2
    iy = ((grid[..., 1] + 1) * height - 1) / 2
    x0, y0 = np.floor(ix).astype(int), np.floor(iy).astype(int)
    for dy in (0, 1):
        for dx in (0, 1):
            cy, cx = y0 + dy, x0 + dx
            wy = iy - y0 if dy else y0 + 1 - iy
            wx = ix - x0 if dx else x0 + 1 - ix
            inside = (cy >= 0) & (cy < height) & (cx >= 0) & (cx < width)
            yield (np.clip(cy, 0, height - 1), np.clip(cx, 0, width - 1), wy * wx * inside,
                   wy * (1 if dx else -1) * inside, wx * (1 if dy else -1) * inside)


def reference_forward(x, grid):
    batch = np.arange(x.shape[0])[:, None, None]
    return sum(weight[..., None] * x[batch, cy, cx] for cy, cx, weight, _, _ in corners(x, grid))


def reference_backward(x, grid, cotangent):
    batch = np.arange(x.shape[0])[:, None, None]
    x_grad, grid_grad = np.zeros_like(x), np.zeros_like(grid)
    for cy, cx, weight, by_ix, by_iy in corners(x, grid):
        np.add.at(x_grad, (np.broadcast_to(batch, cy.shape), cy, cx), weight[..., None] * cotangent)
        along = (x[batch, cy, cx] * cotangent).sum(-1)
        grid_grad[..., 0] += by_ix * along * (x.shape[2] // 2)
        grid_grad[..., 1] += by_iy * along * (x.shape[1] // 2)
    return x_grad, grid_grad


def grid_sample_in_a_process(dtype, bounds):
    script = (f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import mlx.core as mx; "
              f"import test_documented_examples as t; t.check_grid_sample(mx.{dtype})")
    return subprocess.run([sys.executable, "-m", "anymetal", "-c", script], text=True, capture_output=True, timeout=300,
                          env={**os.environ, "ANYMETAL_BOUNDS": bounds})


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_grid_sample_and_its_vjp(dtype):
    """The forward kernel loads neighbours outside the image and then throws them away: no use, no error."""
    check_grid_sample(getattr(mx, dtype))


def test_grid_sample_and_its_vjp_under_robust():
    done = grid_sample_in_a_process("float32", "robust")
    assert done.returncode == 0, done.stderr


@pytest.mark.stops_outside
def test_a_grid_sample_that_keeps_what_is_outside_fails():
    source = FORWARD.replace("iy_se <= H - 1 && ix_se >= 0", "ix_se >= 0")
    assert source != FORWARD
    kernel = mx.fast.metal_kernel(name="careless", input_names=["x", "grid"], output_names=["out"], source=source)
    with pytest.raises(RuntimeError, match="read outside buffer 'x' at careless.source:"):
        mx.eval(kernel(inputs=[mx.ones((1, 4, 4, 1)), mx.ones((1, 1, 1, 2)) * 0.9 + mx.array([-0.5, 0.9])],
                       template=[("T", mx.float32)], grid=(1, 1, 1), threadgroup=(1, 1, 1), output_shapes=[(1, 1, 1, 1)],
                       output_dtypes=[mx.float32]))


def check_grid_sample(dtype):
    rng = np.random.default_rng(2)
    x = mx.array(rng.uniform(-1, 1, (2, 8, 10, 37)).astype(np.float32)).astype(dtype)
    # Beyond [-1, 1] too: neighbours outside the image count as zero.
    grid = mx.array(rng.uniform(-1.2, 1.2, (2, 5, 6, 2)).astype(np.float32)).astype(dtype)
    cotangent = mx.array(rng.uniform(-1, 1, (2, 5, 6, 37)).astype(np.float32)).astype(dtype)

    outputs, gradients = mx.vjp(grid_sample, [x, grid], [cotangent])
    nx, ngrid, ncot = as_numpy(x), as_numpy(grid), as_numpy(cotangent)
    expected = reference_forward(nx, ngrid)
    x_grad, grid_grad = reference_backward(nx, ngrid, ncot)

    # float32: rounding of a few operations; float16: weights, products and atomics round to 11 bits each.
    near = dict(rtol=1e-4, atol=1e-4) if dtype == mx.float32 else dict(rtol=3e-2, atol=3e-2)
    np.testing.assert_allclose(as_numpy(outputs[0]), expected, **near)
    np.testing.assert_allclose(as_numpy(gradients[0]), x_grad, **near)
    if dtype == mx.float32:
        np.testing.assert_allclose(as_numpy(gradients[1]), grid_grad, rtol=2e-3, atol=2e-3)
    else:
        scale = np.abs(grid_grad).max()
        np.testing.assert_allclose(as_numpy(gradients[1]), grid_grad, atol=3e-2 * scale)
