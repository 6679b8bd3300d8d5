[[kernel]] void custom_kernel_twin_float_float(
  const device float* inp [[buffer(0)]],
  device float* out [[buffer(1)]],
  uint3 thread_position_in_grid [[thread_position_in_grid]]) {
uint e = thread_position_in_grid.x; out[e] = inp[e] * 2.0f;
}
