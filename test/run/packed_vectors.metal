// Metal Shading Language Specification, 2.2.3: packed vectors lie without gaps, and take part in arithmetic
// grid: 2
// in x: float 1 2 3 4 5 6
// out y: float 2 4 6 5 7 9
#include <metal_stdlib>
using namespace metal;

kernel void packed_vectors(const device packed_float3* x, device packed_float3* y, uint i [[thread_position_in_grid]]) {
  float3 v = x[i];
  y[i] = x[0] + v;
  if (i == 1) y[i].x = v.x + 1.0f;
}
