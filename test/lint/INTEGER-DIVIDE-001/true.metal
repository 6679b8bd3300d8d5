// case: an index taken apart in each turn
//! --input x:float32[4096] --input shape:uint32[2] --output y:float32[4096] --threadgroup 256
uint i = thread_position_in_grid.x;
uint columns = shape[1];
float sum = 0;
for (uint k = 0; k < shape[0]; ++k) sum += x[(k * 7 + i) / columns];  // finds
y[i] = sum;
// case: a ring
//! --input x:float32[4096] --input shape:uint32[2] --output y:float32[4096] --threadgroup 256
uint i = thread_position_in_grid.x;
float sum = 0;
for (uint k = 0; k < 16; ++k) sum += x[(i + k) % shape[0]];  // finds
y[i] = sum;
// case: dimension by dimension
#include <metal_stdlib>
using namespace metal;
kernel void f(device const float* x, constant int* dims, constant int& ndim, device float* y, uint i [[thread_position_in_grid]]) {
  uint left = i, at = 0;
  for (int d = ndim - 1; d >= 0; --d) {
    at += left % dims[d] * (d + 1);  // finds
    left = left / dims[d];  // finds
  }
  y[i] = x[at];
}
