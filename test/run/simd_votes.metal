// Metal Shading Language Specification, 6.9.2: ballots and votes
// grid: 32
// threadgroup: 32
// out y: uint 1227133513 1227133513 1227133513 1227133513 1227133513 1227133513 1227133513 1227133513 1227133513 1227133513 1227133513 1227133513 1227133513 1227133513 1227133513 1227133513 1227133513 1227133513 1227133513 1227133513 1227133513 1227133513 1227133513 1227133513 1227133513 1227133513 1227133513 1227133513 1227133513 1227133513 1227133513 1227133513
// out z: int 0 3 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2
#include <metal_stdlib>
using namespace metal;

kernel void simd_votes(device uint* y, device int* z, uint i [[thread_position_in_grid]]) {
  y[i] = uint(ulong(simd_ballot(i % 3 == 0)));
  if (i % 2) z[i] = (simd_is_first() ? 1 : 0) + (simd_all(i % 2 == 1) && !simd_any(i == 2) ? 2 : 0);
}
