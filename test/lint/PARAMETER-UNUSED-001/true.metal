// case: of a function
#include <metal_stdlib>
using namespace metal;
float scaled(float a, float b,  // finds
             float c) {
  return a * c;
}
kernel void f(device const float* x, device float* y, uint i [[thread_position_in_grid]]) { y[i] = scaled(x[i], 1, 2); }
// case: a buffer of a kernel
#include <metal_stdlib>
using namespace metal;
kernel void f(device const float* x,
              device const float* weights,  // finds
              device float* y, uint i [[thread_position_in_grid]]) {
  y[i] = x[i];
}
// case: a position
#include <metal_stdlib>
using namespace metal;
kernel void f(device const float* x, device float* y, uint i [[thread_position_in_grid]],
              uint lane [[thread_index_in_simdgroup]]) {  // finds
  y[i] = x[i];
}
