// case: zeros first
//! --input x:uint32[4096] --output y:uint32[256] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
threadgroup atomic_uint counts[256];
atomic_store_explicit(&counts[i & 255], 0u, memory_order_relaxed);
threadgroup_barrier(mem_flags::mem_threadgroup);
atomic_fetch_add_explicit(&counts[x[i] & 255], 1u, memory_order_relaxed);
threadgroup_barrier(mem_flags::mem_threadgroup);
y[i & 255] = atomic_load_explicit(&counts[i & 255], memory_order_relaxed);
// case: written in an earlier turn of the loop
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float last[256];
for (uint k = 0; k < 4; ++k) {
  if (k > 0) y[i] = last[255 - i];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  last[i] = x[i + 256 * k];
  threadgroup_barrier(mem_flags::mem_threadgroup);
}
// case: written by a function
#include <metal_stdlib>
using namespace metal;
void fill(threadgroup float* to, device const float* from, uint i) { to[i] = from[i]; }
kernel void f(device const float* x, device float* y, uint i [[thread_position_in_threadgroup]]) {
  threadgroup float part[256];
  fill(part, x, i);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = part[255 - i];
}
