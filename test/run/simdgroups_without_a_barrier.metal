// Metal Shading Language Specification, 6.9.1: there is no barrier between the reading of `shared` and its second filling; simdgroups that advance together give the right sums, as kernels count on
// grid: 128
// threadgroup: 128
// out y: int 127 508 127 508 127 508 127 508
#include <metal_stdlib>
using namespace metal;

kernel void simdgroups_without_a_barrier(device int* y, uint i [[thread_index_in_threadgroup]],
                                         uint lane [[thread_index_in_simdgroup]], uint group [[simdgroup_index_in_threadgroup]]) {
  threadgroup int shared[4];
  int greatest = simd_max(int(i));
  if (lane == 0) shared[group] = greatest;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  greatest = simd_max(lane < 4 ? shared[lane] : 0);
  int sum = simd_sum(greatest) / 32;
  if (lane == 0) shared[group] = sum;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  sum = simd_sum(lane < 4 ? shared[lane] : 0);
  if (lane == 0) {
    y[group * 2] = greatest;
    y[group * 2 + 1] = sum;
  }
}
