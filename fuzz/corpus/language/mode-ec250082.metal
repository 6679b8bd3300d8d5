[[kernel]] void custom_kernel_mode_floatc_float(
  const constant float* inp [[buffer(0)]],
  device float* out [[buffer(1)]],
  uint3 thread_position_in_grid [[thread_position_in_grid]]) {

        #if defined(__FAST_MATH__) && __FAST_MATH__
        out[thread_position_in_grid.x] = 1;
        #else
        out[thread_position_in_grid.x] = 0;
        #endif
    
}
