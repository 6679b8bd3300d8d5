// case: contraction is on
#include <metal_stdlib>
using namespace metal;
kernel void f(device const float* a, device const float* b, constant uint& n, device float* y, uint i [[thread_position_in_grid]]) {
  float sum = 0;
  for (uint k = 0; k < n; ++k) sum += a[i * n + k] * b[k];
  y[i] = sum;
}
// case: fma
#include <metal_stdlib>
using namespace metal;
#pragma METAL fp contract(off)
kernel void f(device const float* a, device const float* b, constant uint& n, device float* y, uint i [[thread_position_in_grid]]) {
  float sum = 0;
  for (uint k = 0; k < n; ++k) sum = fma(a[i * n + k], b[k], sum);
  y[i] = sum;
}
// case: the product's own error
#include <metal_stdlib>
using namespace metal;
#pragma METAL fp contract(off)
kernel void f(device const float* a, device const float* b, constant uint& n, device float* y, uint i [[thread_position_in_grid]]) {
  float sum = 0, error = 0;
  for (uint k = 0; k < n; ++k) {
    float p = a[i * n + k] * b[k];
    error += fma(a[i * n + k], b[k], -p);
    sum += p;
  }
  y[i] = sum + error;
}
