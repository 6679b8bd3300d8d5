// Metal Shading Language Specification, 6.9.1: simdgroups that go round a loop with barriers each its own number of times,
// or by one of several barriers, meet those that still come
// grid: 128
// threadgroup: 128
// in turns: int 0 1 3 2
// out sums: int 496 1552 2736 3664
// out ways: int 0 720 64 720
#include <metal_stdlib>
using namespace metal;

kernel void barriers_by_different_ways(const device int* turns, device int* sums, device int* ways, uint t [[thread_position_in_threadgroup]],
                                       uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  threadgroup int mine[128];
  int sum = int(t);
  for (int k = 0; k < turns[simdgroup]; ++k) {
    mine[t] = sum;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    sum = mine[t] + k + 1;
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
  sums[simdgroup] = simd_sum(sum);
  int way = int(simdgroup);
  if (simdgroup % 2 == 1) {
    mine[t] = int(t % 32);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    way = mine[t];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    way += 7;
  } else {
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
  ways[simdgroup] = simd_sum(way);
}
