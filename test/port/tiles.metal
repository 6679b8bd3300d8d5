#include <metal_stdlib>
using namespace metal;

constant constexpr uint TILE = 8;

// B = transpose of A, tile by tile.
kernel void transpose(const device float* A [[buffer(0)]], device float* B [[buffer(1)]], constant uint2& shape [[buffer(2)]],
                      uint2 gid [[thread_position_in_grid]], uint2 lid [[thread_position_in_threadgroup]],
                      uint2 group [[threadgroup_position_in_grid]]) {
  threadgroup float tile[TILE][TILE + 1];
  if (gid.x < shape.x && gid.y < shape.y && lid.x < TILE && lid.y < TILE) tile[lid.y][lid.x] = A[gid.y * shape.x + gid.x];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (gid.x < shape.x && gid.y < shape.y && lid.x < TILE && lid.y < TILE) B[gid.x * shape.y + gid.y] = tile[lid.y][lid.x];
}
