#include <metal_stdlib>
using namespace metal;
[[kernel]] void custom_kernel_qr_col_dot_floatc_floatc_uint32_tc_float(
  const constant float* Q [[buffer(0)]],
  const constant float* v [[buffer(1)]],
  const constant uint32_t* shape [[buffer(2)]],
  device float* out [[buffer(3)]],
  uint3 thread_position_in_grid [[thread_position_in_grid]]) {

            uint gid = thread_position_in_grid.x;
            uint m = (uint)shape[0];
            uint k = (uint)shape[1];
            if (gid >= k) return;
            float acc = 0.0f;
            for (uint i = 0; i < m; ++i) {
                acc += Q[i * k + gid] * v[i];
            }
            out[gid] = acc;
        
}
