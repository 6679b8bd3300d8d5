[[kernel]] void custom_kernel_rowsum_float_float(
  const device float* inp [[buffer(0)]],
  device float* out [[buffer(1)]],
  uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]],
  uint simdgroups_per_threadgroup [[simdgroups_per_threadgroup]],
  uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
  uint3 thread_position_in_grid [[thread_position_in_grid]],
  uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]]) {

        threadgroup float partial[32];
        uint i = thread_position_in_grid.x;
        float sum = simd_sum(inp[i]);
        if (thread_index_in_simdgroup == 0) partial[simdgroup_index_in_threadgroup] = sum;
        threadgroup_barrier(mem_flags::mem_threadgroup);
        if (simdgroup_index_in_threadgroup == 0) {
          float p = thread_index_in_simdgroup < simdgroups_per_threadgroup ? partial[thread_index_in_simdgroup] : 0;
          p = simd_sum(p);
          if (thread_index_in_simdgroup == 0) out[threadgroup_position_in_grid.x] = p;
        }
    
}
