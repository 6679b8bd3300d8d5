template <typename T>
[[kernel]] void custom_kernel_elementwise_exp__float16_t_float16_t_float16_t(
  const device float16_t* x [[buffer(0)]],
  device float16_t* y [[buffer(1)]],
  uint3 thread_position_in_grid [[thread_position_in_grid]]) {

        uint i = thread_position_in_grid.x;
        y[i] = T(metal::exp(float(x[i])));
    
}

template [[host_name("custom_kernel_elementwise_exp__float16_t_float16_t_float16_t")]] [[kernel]] decltype(custom_kernel_elementwise_exp__float16_t_float16_t_float16_t<float16_t>) custom_kernel_elementwise_exp__float16_t_float16_t_float16_t<float16_t>;
