// case: under a condition on the thread
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[256];
part[i] = x[i];
if (i < 128) {
  threadgroup_barrier(mem_flags::mem_threadgroup);  // finds
}
y[i] = part[i];
// case: in a loop that threads leave in different turns
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[256];
for (uint k = i; k < 1000; k += 256) {
  part[i] = x[k];
  threadgroup_barrier(mem_flags::mem_threadgroup);  // finds
  y[k] = part[i];
}
// case: depending on data
#include <metal_stdlib>
using namespace metal;
kernel void f(device const float* x, device float* y, uint i [[thread_position_in_grid]]) {
  threadgroup float a[64];
  a[i % 64] = x[i];
  if (x[i] > 0) threadgroup_barrier(mem_flags::mem_threadgroup);  // finds
  y[i] = a[i % 64];
}
// case: for some simdgroups
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_index_in_threadgroup;
threadgroup float part[8];
if (simdgroup_index_in_threadgroup == 0) {
  part[i % 8] = x[i];
  threadgroup_barrier(mem_flags::mem_threadgroup);  // finds
}
y[i] = x[i];
