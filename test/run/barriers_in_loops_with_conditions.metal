// Metal Shading Language Specification, 6.9.1: barriers in a loop whose body has a part for some simdgroups only; all come to the loop's end together
// grid: 128
// threadgroup: 128
// in x: int 3 1 4 1 5 9 2 6
// out y: int 992 128 64 32
#include <metal_stdlib>
using namespace metal;

// Sums by halves, as far as whole simdgroups go, where the number of threads that are left decides.
kernel void barriers_in_loops_with_conditions(device const int* x, device int* y, uint i [[thread_index_in_threadgroup]],
                                              uint lane [[thread_index_in_simdgroup]]) {
  threadgroup int shared[64];
  int sum = x[i & 7];
  uint count = 128, turn = 1;
  do {
    if (lane == 0 && i == 0) y[turn] = int(count);
    const uint half_count = (count / 2) & -32u;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    const uint at = i - (count - half_count);
    if (at < half_count) shared[at] = sum;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (i < half_count) sum += shared[i] + 0 * int(turn);
    count -= half_count;
    ++turn;
  } while (count > 32);
  if (i == 0) y[turn] = int(count);
  sum = simd_sum(sum);
  if (i == 0) y[0] = sum * 2;
}
