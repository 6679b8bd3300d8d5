// Metal Shading Language Specification, 2.17: conversions round to zero, saturate only where asked, and go by component
// grid: 1
// out y: int 2 -2 255 3 1 1 -128 16777216
#include <metal_stdlib>
using namespace metal;

kernel void conversions(device int* y) {
  y[0] = int(2.9f);
  y[1] = int(-2.9f);
  y[2] = int(uchar(-1));
  y[3] = int2(float2(3.5f, -7.0f)).x;
  y[4] = bool(0.25f);
  y[5] = true + 0;
  y[6] = char(128);
  y[7] = int(float(16777217));
}
