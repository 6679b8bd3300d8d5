[[kernel]] void custom_kernel_dtype_uint64_t_uint64_t(
  const device uint64_t* inp [[buffer(0)]],
  device uint64_t* out [[buffer(1)]],
  uint3 thread_position_in_grid [[thread_position_in_grid]]) {
uint i = thread_position_in_grid.x; out[i] = inp[i];
}
