// case: a check of bounds before the barrier
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
if (i >= uint(x_shape[0])) return;
threadgroup float part[256];
part[i % 256] = x[i];
threadgroup_barrier(mem_flags::mem_threadgroup);  // finds
y[i] = part[255 - i % 256];
// case: some lanes leave
#include <metal_stdlib>
using namespace metal;
kernel void f(device const float* x, device float* y, uint i [[thread_index_in_threadgroup]]) {
  threadgroup float a[64];
  if (i > 40) {
    return;
  }
  a[i] = x[i];
  threadgroup_barrier(mem_flags::mem_threadgroup);  // finds
  y[i] = a[40 - i];
}
// case: before a loop of barriers
#include <metal_stdlib>
using namespace metal;
kernel void f(device const float* x, constant uint& n, device float* y, uint i [[thread_position_in_grid]],
              uint t [[thread_position_in_threadgroup]]) {
  threadgroup float a[256];
  if (i >= n) return;
  for (uint k = 0; k < 4; ++k) {
    a[t] = x[i];
    threadgroup_barrier(mem_flags::mem_threadgroup);  // finds
  }
  y[i] = a[t];
}
