[[kernel]] void custom_kernel_shapes_float_int32_t(
  const device float* inp [[buffer(0)]],
  const constant int* inp_shape [[buffer(1)]],
  const constant int64_t* inp_strides [[buffer(2)]],
  const constant int& inp_ndim [[buffer(3)]],
  device int32_t* out [[buffer(4)]],
  uint3 thread_position_in_grid [[thread_position_in_grid]]) {

        uint i = thread_position_in_grid.x;
        out[i] = i < uint(inp_ndim) ? inp_shape[i] * 1000 + int(inp_strides[i]) : inp_ndim;
    
}
