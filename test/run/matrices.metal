// Metal Shading Language Specification, 2.3: matrices are columns
// grid: 1
// out y: float 1 4 3 6 9 5 0 0 5 16 8 17 29 39
#include <metal_stdlib>
using namespace metal;

kernel void matrices(device float* y) {
  float3x2 m = float3x2(float2(1, 2), float2(3, 4), float2(5, 6));  // 3 columns of 2
  y[0] = m[0][0];
  y[1] = m[1].y;
  y[2] = m[1][0];
  m[2][1] += 3;
  y[3] = m[2].y - 3;
  y[4] = m[2].y;
  float2x2 identity = float2x2(5);
  y[5] = identity[0][0], y[6] = identity[0][1], y[7] = identity[1][0], y[8] = identity[1][1];
  y[9] = sizeof(float2x2);
  y[10] = sizeof(half2x2);
  float2x2 a = float2x2(1, 2, 3, 4);
  float2 v = a * float2(2, 5);  // 2*(1,2) + 5*(3,4)
  y[11] = v.x;
  y[12] = (float2(3, 13) * a).x;  // (3,13) . (1,2)
  y[13] = (a * a)[1][0] + (a * a)[1][1] - (a * a)[0][0] + 9;
}
