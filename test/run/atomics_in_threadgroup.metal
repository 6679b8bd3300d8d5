// Metal Shading Language Specification, 6.15: atomics in threadgroup memory, and their old values
// grid: 32
// threadgroup: 16
// out y: int 120 120
// out z: int 16 16
#include <metal_stdlib>
using namespace metal;

kernel void atomics_in_threadgroup(device int* y, device int* z, uint lid [[thread_position_in_threadgroup]],
                                   uint group [[threadgroup_position_in_grid]]) {
  threadgroup atomic_int tickets, sum;
  if (lid == 0) {
    atomic_store_explicit(&tickets, 0, memory_order_relaxed);
    atomic_store_explicit(&sum, 0, memory_order_relaxed);
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  int mine = atomic_fetch_add_explicit(&tickets, 1, memory_order_relaxed);  // each of 0 to 15 once
  atomic_fetch_add_explicit(&sum, mine, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[group] = atomic_load_explicit(&sum, memory_order_relaxed);
  z[group] = atomic_load_explicit(&tickets, memory_order_relaxed);
}
