template <typename T, int THREADS>
[[kernel]] void custom_kernel_rms_norm__float_128_float_float_floats_float(
  const device float* x [[buffer(0)]],
  const constant int* x_shape [[buffer(1)]],
  const device float* weight [[buffer(2)]],
  const constant float& eps [[buffer(3)]],
  device float* y [[buffer(4)]],
  uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]],
  uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
  uint3 thread_position_in_threadgroup [[thread_position_in_threadgroup]],
  uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]]) {

        constexpr uint simdgroups = THREADS / 32;
        threadgroup float partial[simdgroups];

        uint row = threadgroup_position_in_grid.x;
        uint thread_index = thread_position_in_threadgroup.x;
        uint width = x_shape[1];
        const device T* from = x + row * width;
        device T* to = y + row * width;

        float sum = 0;
        for (uint i = thread_index; i < width; i += THREADS) {
            sum += float(from[i]) * float(from[i]);
        }
        sum = simd_sum(sum);
        if (thread_index_in_simdgroup == 0) {
            partial[simdgroup_index_in_threadgroup] = sum;
        }
        threadgroup_barrier(mem_flags::mem_threadgroup);

        float total = 0;
        for (uint i = 0; i < simdgroups; ++i) {
            total += partial[i];
        }
        float scale = metal::precise::rsqrt(total / width + eps);
        for (uint i = thread_index; i < width; i += THREADS) {
            to[i] = T(float(from[i]) * scale * float(weight[i]));
        }
    
}

template [[host_name("custom_kernel_rms_norm__float_128_float_float_floats_float")]] [[kernel]] decltype(custom_kernel_rms_norm__float_128_float_float_floats_float<float, 128>) custom_kernel_rms_norm__float_128_float_float_floats_float<float, 128>;
