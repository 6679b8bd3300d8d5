[[kernel]] void custom_kernel_dtype_int16_t_int16_t(
  const device int16_t* inp [[buffer(0)]],
  device int16_t* out [[buffer(1)]],
  uint3 thread_position_in_grid [[thread_position_in_grid]]) {
uint i = thread_position_in_grid.x; out[i] = inp[i];
}
