[[kernel]] void custom_kernel_histogram_uint32_t_uint32_t(
  const device uint32_t* inp [[buffer(0)]],
  device atomic<uint32_t>* out [[buffer(1)]],
  uint3 thread_position_in_grid [[thread_position_in_grid]]) {
atomic_fetch_add_explicit(&out[inp[thread_position_in_grid.x]], 1u, memory_order_relaxed);
}
