// Metal Shading Language Specification, 6.9.1: threads that returned early don't keep the others from their barriers; whole simdgroups are gone here, and what follows the loop isn't theirs to do
// grid: 128
// threadgroup: 128
// in n: int 3
// in last: int 40
// in x: int 1 2 3 4
// out y: int 64 12 0 0
#include <metal_stdlib>
using namespace metal;

kernel void early_return_before_barriers(constant int& n, constant int& last, device const int* x, device atomic_int* y,
                                         uint i [[thread_index_in_threadgroup]]) {
  if (int(i) > last) return;
  threadgroup int shared[64];
  int sums[64];
  for (int t = 0; t < n; ++t) {
    for (int j = i; j < 64; j += 41) shared[j] = x[t];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    sums[t] = shared[(i * 7 + t) & 63];
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
  int sum = 0;
  for (int t = 0; t < n; ++t) sum += sums[t];
  for (int j = i; j < 64; j += 41) atomic_fetch_add_explicit(y, 1, memory_order_relaxed);
  if (int(i) == last || i == 32) atomic_fetch_add_explicit(y + 1, sum, memory_order_relaxed);
}
