// case: one counter
//! --input x:uint32[4096] --output y:uint32[1] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
atomic_fetch_add_explicit((device atomic_uint*)y, x[i], memory_order_relaxed);  // finds
// case: a maximum
#include <metal_stdlib>
using namespace metal;
kernel void f(device const uint* x, device atomic_uint* most, uint i [[thread_position_in_grid]]) {
  atomic_fetch_max_explicit(most, x[i], memory_order_relaxed);  // finds
}
// case: in threadgroup memory
#include <metal_stdlib>
using namespace metal;
kernel void f(device const float* x, device float* y, uint i [[thread_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup atomic_float sum;
  if (t == 0) atomic_store_explicit(&sum, 0.0f, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  atomic_fetch_add_explicit(&sum, x[i], memory_order_relaxed);  // finds
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = atomic_load_explicit(&sum, memory_order_relaxed);
}
