[[kernel]] void custom_kernel_attribute_float_uint32_t(
  const device float* inp [[buffer(0)]],
  device uint32_t* out [[buffer(1)]],
  uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
  uint3 thread_position_in_grid [[thread_position_in_grid]]) {
uint3 p = thread_position_in_grid; uint i = (p.x + 6 * (p.y + 4 * p.z)) * 3;
out[i + 0] = thread_index_in_threadgroup;
out[i + 1] = thread_index_in_threadgroup;
out[i + 2] = thread_index_in_threadgroup;
}
