#include <metal_stdlib>
using namespace metal;
[[kernel]] void custom_kernel_softcap_float_floats_int32_tc_float(
  const device float* input [[buffer(0)]],
  const constant float& cap [[buffer(1)]],
  const constant int32_t* shape [[buffer(2)]],
  device float* out [[buffer(3)]],
  uint3 thread_position_in_grid [[thread_position_in_grid]]) {

  int size = int(shape[0]);
  uint id = thread_position_in_grid.x;
  if (id >= size) return;
  float val = input[id];
  out[id] = cap * tanh(val / cap);

}
