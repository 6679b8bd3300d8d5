#include <metal_stdlib>
using namespace metal;

// A column a thread, as the guides to MLX's kernels show it.
kernel void qtv(device const float* Q, device const float* v, device const uint* shape, device float* out,
                uint3 thread_position_in_grid [[thread_position_in_grid]]) {
  uint gid = thread_position_in_grid.x;
  uint m = shape[0];
  uint k = shape[1];
  if (gid >= k) return;
  float acc = 0.0f;
  for (uint i = 0; i < m; ++i) acc += Q[i * k + gid] * v[i];
  out[gid] = acc;
}
