#include <metal_stdlib>
using namespace metal;

constant constexpr uint tile = 16;

// An element a thread, tiles of both matrices in threadgroup memory.
kernel void gemm(device const float* A, device const float* B, device float* C, device const uint* shape,
                 uint2 local [[thread_position_in_threadgroup]], uint2 group [[threadgroup_position_in_grid]]) {
  threadgroup float tile_a[tile][tile];
  threadgroup float tile_b[tile][tile];
  uint m = shape[0], n = shape[1], k = shape[2];
  uint row = group.y * tile + local.y;
  uint column = group.x * tile + local.x;
  float acc = 0.0f;
  for (uint start = 0; start < k; start += tile) {
    tile_a[local.y][local.x] = (row < m && start + local.x < k) ? A[row * k + start + local.x] : 0.0f;
    tile_b[local.y][local.x] = (start + local.y < k && column < n) ? B[(start + local.y) * n + column] : 0.0f;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    for (uint p = 0; p < tile; ++p) acc = fma(tile_a[local.y][p], tile_b[p][local.x], acc);
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
  if (row < m && column < n) C[row * n + column] = acc;
}
