template <bool flag, int n, typename T>
[[kernel]] void custom_kernel_kinds__1_3_float16_t_float_int32_tc_bfloat16_tc_floats_float_int32_t(
  const device float* a [[buffer(0)]],
  const constant int32_t* b [[buffer(1)]],
  const constant bfloat16_t* c [[buffer(2)]],
  const constant float& d [[buffer(3)]],
  device float* y [[buffer(4)]],
  device int32_t* z [[buffer(5)]],
  uint3 thread_position_in_grid [[thread_position_in_grid]]) {

            uint i = thread_position_in_grid.x;
            T first = a[0];
            y[i] = flag ? float(first) + b[2] + float(c[3]) + d + n : 1.0f;
            z[i] = b[0] * n - int(d);
        
}

template [[host_name("custom_kernel_kinds__1_3_float16_t_float_int32_tc_bfloat16_tc_floats_float_int32_t")]] [[kernel]] decltype(custom_kernel_kinds__1_3_float16_t_float_int32_tc_bfloat16_tc_floats_float_int32_t<1, 3, float16_t>) custom_kernel_kinds__1_3_float16_t_float_int32_tc_bfloat16_tc_floats_float_int32_t<1, 3, float16_t>;
