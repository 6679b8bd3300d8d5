// Metal Shading Language Specification, 6.6: determinant and transpose
// grid: 1
// out y: float -2 1 3 2 4 24 2 5
#include <metal_stdlib>
using namespace metal;

kernel void matrix_functions(device float* y) {
  float2x2 a = float2x2(1, 2, 3, 4);
  y[0] = determinant(a);
  float2x2 t = transpose(a);
  y[1] = t[0][0], y[2] = t[0][1], y[3] = t[1][0], y[4] = t[1][1];
  y[5] = determinant(float3x3(float3(2, 0, 0), float3(1, 3, 0), float3(5, 7, 4)));
  float2x3 tall = transpose(float3x2(float2(1, 4), float2(2, 5), float2(3, 6)));
  y[6] = tall[0].y;
  y[7] = tall[1].y;
}
