[[kernel]] void custom_kernel_qr_col_dot_float_float_int32_ts_float(
  const device float* Q [[buffer(0)]],
  const constant int* Q_shape [[buffer(1)]],
  const device float* v [[buffer(2)]],
  const constant int32_t& k [[buffer(3)]],
  device float* c [[buffer(4)]],
  uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]],
  uint simdgroups_per_threadgroup [[simdgroups_per_threadgroup]],
  uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
  uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]]) {

        uint column = threadgroup_position_in_grid.x * simdgroups_per_threadgroup + simdgroup_index_in_threadgroup;
        if (column >= uint(k)) {
            return;
        }
        uint rows = Q_shape[0];
        uint columns = Q_shape[1];
        float sum = 0;
        for (uint row = thread_index_in_simdgroup; row < rows; row += 32) {
            sum = metal::fma(Q[row * columns + column], v[row], sum);
        }
        sum = simd_sum(sum);
        if (thread_index_in_simdgroup == 0) {
            c[column] = sum;
        }
    
}
