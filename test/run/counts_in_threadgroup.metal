// Metal Shading Language Specification, 6.15: atomics in threadgroup memory, at places that are read from buffers
// grid: 32
// threadgroup: 32
// inout x: uint 5 25 59 107 169 245 84 188 55 187 82 242 165 102 53 18 248 241 248 18 53 102 165 242 82 187 55 188 84 245 169 107 => 31 30 29 28 27 26 25 24 23 22 21 20 19 18 17 16 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1 0
// in pairs: uint 3 32 61 90 22 51 80 12 41 70 2 31 60 89 21 50 79 11 40 69 1 30 59 88 20 49 78 10 39 68 0 29 58 87 19 48 77 9 38 67 96 28 57 86 18 47 76 8 37 66 95 27 56 85 17 46 75 7 36 65 94 26 55 84
// out table: uint 0 1 6 0 2 7 2 2 2 3 0 5 2 0 0 0
// out before: uint 7 13 10 2
// out seconds: uint 4 4 4 4 4 5 3 4
#include <metal_stdlib>
using namespace metal;

kernel void counts_in_threadgroup(device uint* x, device const uint2* pairs, device uint* table, device uint* before,
                                  device uint* seconds, uint i [[thread_position_in_threadgroup]]) {
  threadgroup atomic_uint rows[4][4], olds[4], pair_counts[8];
  if (i < 16) atomic_store_explicit(&rows[i / 4][i % 4], 0u, memory_order_relaxed);
  if (i < 4) atomic_store_explicit(&olds[i], 0u, memory_order_relaxed);
  if (i < 8) atomic_store_explicit(&pair_counts[i], 0u, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  const uint mine = x[i];
  atomic_fetch_add_explicit(&rows[(mine & 15) >> 2][mine & 3], 1u, memory_order_relaxed);
  x[i] = 31 - i;  // what was read before stays what it was
  atomic_fetch_add_explicit(&olds[(mine >> 2) & 3], 1u, memory_order_relaxed);
  atomic_fetch_add_explicit(&pair_counts[(pairs[i].y >> 1) & 7], 1u, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (i < 16) table[i] = atomic_load_explicit(&rows[i / 4][i % 4], memory_order_relaxed);
  if (i < 4) before[i] = atomic_load_explicit(&olds[i], memory_order_relaxed);
  if (i < 8) seconds[i] = atomic_load_explicit(&pair_counts[i], memory_order_relaxed);
}
