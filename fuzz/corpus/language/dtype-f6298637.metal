[[kernel]] void custom_kernel_dtype_bool_bool(
  const device bool* inp [[buffer(0)]],
  device bool* out [[buffer(1)]],
  uint3 thread_position_in_grid [[thread_position_in_grid]]) {
uint i = thread_position_in_grid.x; out[i] = inp[i];
}
