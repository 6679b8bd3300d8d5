template <typename T>
[[kernel]] void custom_kernel_grid_sample__float_float_float_float(
  const device float* image [[buffer(0)]],
  const constant int* image_shape [[buffer(1)]],
  const device float* grid [[buffer(2)]],
  const constant int* grid_shape [[buffer(3)]],
  device float* out [[buffer(4)]],
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
    
}

template [[host_name("custom_kernel_grid_sample__float_float_float_float")]] [[kernel]] decltype(custom_kernel_grid_sample__float_float_float_float<float>) custom_kernel_grid_sample__float_float_float_float<float>;
