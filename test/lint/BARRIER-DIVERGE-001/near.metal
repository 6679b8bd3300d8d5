// case: the condition is the threadgroup's
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[256];
part[i] = x[i];
if (threadgroup_position_in_grid.x < 3) {
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = part[255 - i];
}
// case: a loop of the same length for all
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[256];
for (uint s = 128; s > 0; s /= 2) {
  part[i] = x[i];
  threadgroup_barrier(mem_flags::mem_threadgroup);
}
y[i] = part[i];
// case: work under the condition, the barrier outside
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[256];
if (i < 128) part[i] = x[i];
threadgroup_barrier(mem_flags::mem_threadgroup);
y[i] = part[i / 2];
// case: a length that is read from a buffer, for all alike
#include <metal_stdlib>
using namespace metal;
kernel void f(device const float* x, constant uint& n, device float* y, uint i [[thread_position_in_threadgroup]]) {
  threadgroup float a[64];
  for (uint k = 0; k < n; ++k) {
    a[i] = x[k * 64 + i];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    y[i] += a[63 - i];
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
}
