// Metal Shading Language Specification, 2.1: half is computed in half
// grid: 1
// out y: float inf 2048 1 65504 0.33325195
#include <metal_stdlib>
using namespace metal;

kernel void half_arithmetic(device float* y) {
  half big = 60000.0h;
  y[0] = big + big;
  y[1] = half(2048) + half(1);
  y[2] = sizeof(half(1) + half(1)) == 2;
  y[3] = numeric_limits<half>::max();
  y[4] = half(1) / half(3);
}
