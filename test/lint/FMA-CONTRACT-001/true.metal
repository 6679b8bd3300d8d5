// case: a sum of products
#include <metal_stdlib>
using namespace metal;
#pragma METAL fp contract(off)
kernel void f(device const float* a, device const float* b, constant uint& n, device float* y, uint i [[thread_position_in_grid]]) {
  float sum = 0;
  for (uint k = 0; k < n; ++k) sum += a[i * n + k] * b[k];  // finds
  y[i] = sum;
}
// case: Horner's scheme
#include <metal_stdlib>
using namespace metal;
#pragma METAL fp contract(off)
kernel void f(device const float* a, constant uint& n, device float* y, uint i [[thread_position_in_grid]]) {
  float v = 0;
  for (uint k = 0; k < n; ++k) v = v * y[i] + a[k];  // finds
  y[i] = v;
}
// case: a difference
#include <metal_stdlib>
using namespace metal;
#pragma METAL fp contract(off)
kernel void f(device const float* a, constant uint& n, device float* y, uint i [[thread_position_in_grid]]) {
  float v = y[i];
  for (uint k = 0; k < n; ++k) {
    v -= a[k] * a[i];  // finds
  }
  y[i] = v;
}
