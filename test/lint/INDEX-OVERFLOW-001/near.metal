// case: one factor is wide
#include <metal_stdlib>
using namespace metal;
kernel void f(device const float* x, constant uint& columns, device float* y, uint2 at [[thread_position_in_grid]]) {
  size_t start = size_t(at.y) * columns;
  y[at.x] += x[start + at.x];
}
// case: within a threadgroup
#include <metal_stdlib>
using namespace metal;
kernel void f(device const float* x, device float* y, uint lid [[thread_position_in_threadgroup]], constant uint& n) {
  size_t start = lid * n;
  y[lid] += x[start];
}
// case: an index of 32 bits
#include <metal_stdlib>
using namespace metal;
kernel void f(device const float* x, constant uint& columns, device float* y, uint2 at [[thread_position_in_grid]]) {
  uint start = at.y * columns;
  y[at.x] += x[start + at.x];
}
// case: a small factor
#include <metal_stdlib>
using namespace metal;
kernel void f(device const float* x, device float* y, uint i [[thread_position_in_grid]]) {
  size_t start = i * 4;
  y[i] += x[start];
}
