[[kernel]] void custom_kernel_my_kernel_float_float(
  const device float* inp [[buffer(0)]],
  device float* out [[buffer(1)]],
  uint3 thread_position_in_grid [[thread_position_in_grid]]) {
out[thread_position_in_grid.x] = 0.0;
}
