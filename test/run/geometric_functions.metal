// Metal Shading Language Specification, 6.7: dot, cross, length, reflect and their like
// grid: 1
// out y: float 32 -3 6 -3 5 25 0.6 0.8 1 -1 2 0 5
#include <metal_stdlib>
using namespace metal;

kernel void geometric_functions(device float* y) {
  float3 a = float3(1, 2, 3), b = float3(4, 5, 6);
  y[0] = dot(a, b);
  float3 c = cross(a, b);
  y[1] = c.x, y[2] = c.y, y[3] = c.z;
  y[4] = length(float2(3, 4));
  y[5] = length_squared(float2(3, 4));
  float2 n = normalize(float2(3, 4));
  y[6] = abs(n.x - 0.6f) < 1e-6f ? 0.6f : n.x;
  y[7] = abs(n.y - 0.8f) < 1e-6f ? 0.8f : n.y;
  float2 r = reflect(float2(1, 1), float2(0, 1));
  y[8] = r.x, y[9] = r.y;
  float2 f = faceforward(float2(2, 0), float2(0, -1), float2(0, 1));
  y[10] = f.x, y[11] = f.y;
  y[12] = distance(float2(1, 1), float2(4, 5));
}
