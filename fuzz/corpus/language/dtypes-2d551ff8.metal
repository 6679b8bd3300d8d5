[[kernel]] void custom_kernel_dtypes_bfloat16_t_bfloat16_t(
  const device bfloat16_t* inp [[buffer(0)]],
  device bfloat16_t* out [[buffer(1)]],
  uint3 thread_position_in_grid [[thread_position_in_grid]]) {
uint i = thread_position_in_grid.x; out[i] = inp[i] + inp[i];
}
