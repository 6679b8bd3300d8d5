// case: a row's start
#include <metal_stdlib>
using namespace metal;
kernel void f(device const float* x, constant uint& columns, device float* y, uint2 at [[thread_position_in_grid]]) {
  size_t start = at.y * columns;  // finds
  y[at.x] += x[start + at.x];
}
// case: two sizes
#include <metal_stdlib>
using namespace metal;
kernel void f(device const float* x, constant int& rows, constant int& columns, device float* y, uint i [[thread_position_in_grid]]) {
  long size = rows * columns;  // finds
  y[i] = x[size - 1 - i];
}
// case: a sum with a product
#include <metal_stdlib>
using namespace metal;
kernel void f(device const float* x, constant uint& columns, device float* y, uint2 at [[thread_position_in_grid]]) {
  const ulong from = at.y * columns + at.x;  // finds
  y[from] = x[from];
}
