// Metal Shading Language Specification, 2.2.2: constructors of vectors
// grid: 1
// out y: float 1 2 3 4 5 5 5 5 6 1 2 7 1 2 3 9 8 8 2 0
#include <metal_stdlib>
using namespace metal;

kernel void vector_constructors(device float* y) {
  float2 pair(1, 2);
  float3 three = float3(pair, 3);
  float4 all[5] = {float4(1, 2, 3, 4), float4(5), float4(6, pair, 7), float4(three, 9), float4(float2(8), float2(half2(2, 0)))};
  for (int i = 0; i < 5; ++i)
    for (int j = 0; j < 4; ++j) y[i * 4 + j] = all[i][j];
}
