#include <metal_stdlib>
using namespace metal;

kernel void saxpy(device const float* x, device const float* y, device float* z, constant float& a, constant uint& n,
                  uint i [[thread_position_in_grid]]) {
  if (i >= n) return;
  z[i] = a * x[i] + y[i];
}
