[[kernel]] void custom_kernel_attribute_float_uint32_t(
  const device float* inp [[buffer(0)]],
  device uint32_t* out [[buffer(1)]],
  uint3 dispatch_threads_per_threadgroup [[dispatch_threads_per_threadgroup]],
  uint3 thread_position_in_grid [[thread_position_in_grid]],
  uint3 threads_per_threadgroup [[threads_per_threadgroup]]) {
uint3 p = thread_position_in_grid; uint i = (p.x + 6 * (p.y + 4 * p.z)) * 3;
out[i + 0] = dispatch_threads_per_threadgroup.x;
out[i + 1] = dispatch_threads_per_threadgroup.y;
out[i + 2] = dispatch_threads_per_threadgroup.z;
}
