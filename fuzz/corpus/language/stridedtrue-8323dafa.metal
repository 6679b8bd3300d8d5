template <typename T>
[[kernel]] void custom_kernel_stridedTrue__float_float_float(
  const device float* inp [[buffer(0)]],
  device float* out [[buffer(1)]],
  uint3 thread_position_in_grid [[thread_position_in_grid]],
  uint threads_per_simdgroup [[threads_per_simdgroup]]) {
uint i = thread_position_in_grid.x;
T v = inp[i];
out[i] = v * threads_per_simdgroup;
}

template [[host_name("custom_kernel_stridedTrue__float_float_float")]] [[kernel]] decltype(custom_kernel_stridedTrue__float_float_float<float>) custom_kernel_stridedTrue__float_float_float<float>;
