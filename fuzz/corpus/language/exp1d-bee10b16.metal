#include <metal_stdlib>
using namespace metal;
[[kernel]] void custom_kernel_exp1d_float_uint32_tc_float(
  const device float* a [[buffer(0)]],
  const constant uint32_t* shape [[buffer(1)]],
  device float* out [[buffer(2)]],
  uint3 thread_position_in_grid [[thread_position_in_grid]]) {

            uint tid = thread_position_in_grid.x;
            uint n = (uint)shape[0];
            if (tid >= n) return;
            out[tid] = exp(a[tid]);
        
}
