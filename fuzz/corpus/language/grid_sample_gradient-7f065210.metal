[[kernel]] void custom_kernel_grid_sample_gradient_float_float_float_float_float(
  const device float* image [[buffer(0)]],
  const constant int* image_shape [[buffer(1)]],
  const device float* grid [[buffer(2)]],
  const constant int* grid_shape [[buffer(3)]],
  const device float* cotangent [[buffer(4)]],
  device atomic<float>* image_gradient [[buffer(5)]],
  device atomic<float>* grid_gradient [[buffer(6)]],
  uint3 thread_position_in_grid [[thread_position_in_grid]]) {

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
    
}
