#include <metal_stdlib>
using namespace metal;
[[kernel]] void custom_kernel_my_kernel_float_uint32_tc_float(
  const device float* A [[buffer(0)]],
  const constant uint32_t* shape [[buffer(1)]],
  device float* out [[buffer(2)]],
  uint3 thread_position_in_grid [[thread_position_in_grid]]) {

            uint tid = thread_position_in_grid.x;
            uint m = (uint)shape[0];
            if (tid >= m) return;
            out[tid] = A[tid] + 1.0f;
        
}
