#include <metal_stdlib>
using namespace metal;

// By rows and columns, two floats read as one.
kernel void strided_copy(device const float2* pairs, device float* out, constant uint& width, uint2 at [[thread_position_in_grid]]) {
  uint place = at.y * width + at.x;
  float2 pair = pairs[place];
  out[place] = pair.x;
}
