"""Bilinear sampling of images at given places, and its gradient: many threads add to one pixel, so it takes atomics."""

import time

import mlx.core as mx
import numpy as np

# Both kernels: one thread for each (image, place, channel). Places are in [-1, 1], pixels outside the image are 0.
PLACE = """
    uint i = thread_position_in_grid.x;
    int height = image_shape[1];
    int width = image_shape[2];
    int channels = image_shape[3];
    int places = grid_shape[1] * grid_shape[2];
    int channel = i % channels;
    int place = i / channels;
    int pixels = place / places * height * width;

    float x = (float(grid[2 * place]) + 1) * width * 0.5f - 0.5f;
    float y = (float(grid[2 * place + 1]) + 1) * height * 0.5f - 0.5f;
    int left = int(metal::floor(x));
    int top = int(metal::floor(y));
    float right_part = x - left;
    float low_part = y - top;
"""

sample = mx.fast.metal_kernel(
    name="grid_sample",
    input_names=["image", "grid"],
    output_names=["out"],
    source=PLACE
    + """
    float sum = 0;
    for (int corner = 0; corner < 4; ++corner) {
        int column = left + (corner & 1);
        int row = top + (corner >> 1);
        float weight = (corner & 1 ? right_part : 1 - right_part) * (corner >> 1 ? low_part : 1 - low_part);
        if (column >= 0 && column < width && row >= 0 && row < height) {
            sum += weight * float(image[(pixels + row * width + column) * channels + channel]);
        }
    }
    out[i] = T(sum);
    """,
)

sample_gradient = mx.fast.metal_kernel(
    name="grid_sample_gradient",
    input_names=["image", "grid", "cotangent"],
    output_names=["image_gradient", "grid_gradient"],
    atomic_outputs=True,
    source=PLACE
    + """
    float given = float(cotangent[i]);
    float by_x = 0;
    float by_y = 0;
    for (int corner = 0; corner < 4; ++corner) {
        int column = left + (corner & 1);
        int row = top + (corner >> 1);
        float across = corner & 1 ? right_part : 1 - right_part;
        float down = corner >> 1 ? low_part : 1 - low_part;
        if (column >= 0 && column < width && row >= 0 && row < height) {
            int pixel = (pixels + row * width + column) * channels + channel;
            atomic_fetch_add_explicit(&image_gradient[pixel], across * down * given, memory_order_relaxed);
            by_x += (corner & 1 ? down : -down) * float(image[pixel]);
            by_y += (corner >> 1 ? across : -across) * float(image[pixel]);
        }
    }
    atomic_fetch_add_explicit(&grid_gradient[2 * place], by_x * given * width * 0.5f, memory_order_relaxed);
    atomic_fetch_add_explicit(&grid_gradient[2 * place + 1], by_y * given * height * 0.5f, memory_order_relaxed);
    """,
)


@mx.custom_function
def grid_sample(image, grid):
    shape = (*grid.shape[:3], image.shape[3])
    size = int(np.prod(shape))
    return sample(
        inputs=[image, grid],
        template=[("T", image.dtype)],
        grid=(size, 1, 1),
        threadgroup=(256, 1, 1),
        output_shapes=[shape],
        output_dtypes=[image.dtype],
    )[0]


@grid_sample.vjp
def grid_sample_vjp(primals, cotangent, _):
    image, grid = primals
    return tuple(
        sample_gradient(
            inputs=[image, grid, cotangent],
            grid=(cotangent.size, 1, 1),
            threadgroup=(256, 1, 1),
            output_shapes=[image.shape, grid.shape],
            output_dtypes=[mx.float32, mx.float32],
            init_value=0,
        )
    )


def corners(image, grid):
    """NumPy's way: for each corner its pixels (0 outside), and the two parts of its weight."""
    count, height, width, _ = image.shape
    x = (grid[..., 0] + 1) * width / 2 - 0.5
    y = (grid[..., 1] + 1) * height / 2 - 0.5
    for right in (0, 1):
        for low in (0, 1):
            column = np.floor(x).astype(int) + right
            row = np.floor(y).astype(int) + low
            inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
            where = (np.arange(count)[:, None, None], row.clip(0, height - 1), column.clip(0, width - 1))
            across = 1 - np.abs(x - column)
            down = 1 - np.abs(y - row)
            yield where, inside[..., None], across[..., None], down[..., None], 2 * right - 1, 2 * low - 1


def timed(function, *arrays):
    start = time.perf_counter()
    out = function(*arrays)
    mx.eval(out)
    return out, (time.perf_counter() - start) * 1e3


image = mx.random.normal((2, 24, 32, 4))
grid = mx.random.uniform(-1.1, 1.1, (2, 20, 20, 2))
weights = mx.random.normal((2, 20, 20, 4))
mx.eval(image, grid, weights)
pixels, places, given = (np.array(array, dtype=np.float64) for array in (image, grid, weights))

out, milliseconds = timed(grid_sample, image, grid)
want = sum(np.where(inside, pixels[where], 0) * across * down for where, inside, across, down, _, _ in corners(pixels, places))
error = np.max(np.abs(np.array(out) - want))
print(f"grid_sample of {out.size:,} values | error {error:.1e} | {milliseconds:.1f} ms")
assert error < 1e-4

gradient = mx.grad(lambda image, grid: (grid_sample(image, grid) * weights).sum(), argnums=(0, 1))
(by_image, by_grid), milliseconds = timed(gradient, image, grid)
want_image = np.zeros_like(pixels)
want_grid = np.zeros_like(places)
for where, inside, across, down, right, low in corners(pixels, places):
    np.add.at(want_image, where, np.where(inside, given * across * down, 0))
    value = np.where(inside, pixels[where], 0) * given
    want_grid[..., 0] += (value * down * right).sum(-1) * pixels.shape[2] / 2
    want_grid[..., 1] += (value * across * low).sum(-1) * pixels.shape[1] / 2
error = max(np.max(np.abs(np.array(by_image) - want_image)), np.max(np.abs(np.array(by_grid) - want_grid)) / 32)
print(f"its gradient, with atomics | error {error:.1e} | {milliseconds:.1f} ms")
assert error < 1e-4
