#include <metal_stdlib>
using namespace metal;

// 32 columns and eight parts of the rows a threadgroup.
kernel void qtv_32x8(device const float* Q, device const float* v, device const uint* shape, device float* out,
                     uint2 local [[thread_position_in_threadgroup]], uint2 group [[threadgroup_position_in_grid]]) {
  threadgroup float partial[8][32];
  uint m = shape[0];
  uint k = shape[1];
  uint column = group.x * 32 + local.x;
  float acc = 0.0f;
  for (uint i = local.y; i < m; i += 8) acc += Q[i * k + column] * v[i];
  partial[local.y][local.x] = acc;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (local.y == 0) {
    float sum = 0.0f;
    for (uint part = 0; part < 8; ++part) sum += partial[part][local.x];
    out[column] = sum;
  }
}
