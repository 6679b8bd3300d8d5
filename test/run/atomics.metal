// Metal Shading Language Specification, 6.15: atomics of all threads on one place
// grid: 100
// threadgroup: 32
// inout counts: uint 5 0 1000 0xffffffff 7 => 105 99 0 0 8
// inout sum: float 0.5 => 50.5
#include <metal_stdlib>
using namespace metal;

kernel void atomics(device atomic_uint* counts, device atomic_float* sum, uint i [[thread_position_in_grid]]) {
  atomic_fetch_add_explicit(&counts[0], 1u, memory_order_relaxed);
  atomic_fetch_max_explicit(&counts[1], i, memory_order_relaxed);
  atomic_fetch_min_explicit(&counts[2], i, memory_order_relaxed);
  atomic_fetch_and_explicit(&counts[3], i % 2 ? 0xf0f0f0f0u : 0x0f0f0f0fu, memory_order_relaxed);
  uint expected = 7;
  atomic_compare_exchange_weak_explicit(&counts[4], &expected, 8u, memory_order_relaxed, memory_order_relaxed);
  atomic_fetch_add_explicit(sum, 0.5f, memory_order_relaxed);
}
