[[kernel]] void custom_kernel_dtype_complex64_t_complex64_t(
  const device complex64_t* inp [[buffer(0)]],
  device complex64_t* out [[buffer(1)]],
  uint3 thread_position_in_grid [[thread_position_in_grid]]) {
uint i = thread_position_in_grid.x; out[i] = inp[i];
}
