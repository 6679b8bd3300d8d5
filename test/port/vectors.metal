#include <metal_stdlib>
using namespace metal;

inline float4 blend(const device float4* colours, uint i, float t) { return mix(colours[i], colours[i + 1], t); }
static float row_sum(device float* row, uint n) {
  float sum = 0;
  for (uint k = 0; k < n; ++k) sum += row[k];
  return sum;
}

// Vectors behind pointers; pointers that are handed on, const or not.
kernel void vectors(const device float4* colours [[buffer(0)]], device float* rows [[buffer(1)]], device float2* out [[buffer(2)]],
                    constant uint& width [[buffer(3)]], const device bfloat* t [[buffer(4)]], uint i [[thread_position_in_grid]]) {
  const float4 c = blend(colours, i, float(t[i]));
  out[i] = float2(c.x + c.w, row_sum(rows + i * width, width));
}
