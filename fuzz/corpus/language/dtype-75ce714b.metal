[[kernel]] void custom_kernel_dtype_uint8_t_uint8_t(
  const device uint8_t* inp [[buffer(0)]],
  device uint8_t* out [[buffer(1)]],
  uint3 thread_position_in_grid [[thread_position_in_grid]]) {
uint i = thread_position_in_grid.x; out[i] = inp[i];
}
