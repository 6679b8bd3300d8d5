template <typename T>
[[kernel]] void custom_kernel_elementwise_exp__float_float_float(
  const device float* x [[buffer(0)]],
  device float* y [[buffer(1)]],
  uint3 thread_position_in_grid [[thread_position_in_grid]]) {

        uint i = thread_position_in_grid.x;
        y[i] = T(metal::exp(float(x[i])));
    
}

template [[host_name("custom_kernel_elementwise_exp__float_float_float")]] [[kernel]] decltype(custom_kernel_elementwise_exp__float_float_float<float>) custom_kernel_elementwise_exp__float_float_float<float>;
