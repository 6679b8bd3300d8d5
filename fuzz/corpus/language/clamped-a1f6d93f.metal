[[kernel]] void custom_kernel_clamped_float_uint32_t(
  const device float* inp [[buffer(0)]],
  device uint32_t* out [[buffer(1)]],
  uint3 dispatch_threads_per_threadgroup [[dispatch_threads_per_threadgroup]],
  uint3 thread_position_in_grid [[thread_position_in_grid]],
  uint3 threads_per_threadgroup [[threads_per_threadgroup]]) {
out[thread_position_in_grid.x] = threads_per_threadgroup.x * 100 + dispatch_threads_per_threadgroup.x;
}
