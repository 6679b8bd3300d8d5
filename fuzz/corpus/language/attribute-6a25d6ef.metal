[[kernel]] void custom_kernel_attribute_float_uint32_t(
  const device float* inp [[buffer(0)]],
  device uint32_t* out [[buffer(1)]],
  uint3 thread_position_in_grid [[thread_position_in_grid]],
  uint threads_per_simdgroup [[threads_per_simdgroup]]) {
uint3 p = thread_position_in_grid; uint i = (p.x + 6 * (p.y + 4 * p.z)) * 3;
out[i + 0] = threads_per_simdgroup;
out[i + 1] = threads_per_simdgroup;
out[i + 2] = threads_per_simdgroup;
}
