// Metal Shading Language Specification, 6.9: a barrier makes what others wrote visible
// grid: 64
// threadgroup: 64
// out y: int 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016 2016
#include <metal_stdlib>
using namespace metal;

kernel void barriers(device int* y, uint lid [[thread_position_in_threadgroup]]) {
  threadgroup int sums[64];
  sums[lid] = lid;
  for (uint step = 32; step > 0; step /= 2) {
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (lid < step) sums[lid] += sums[lid + step];
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[lid] = sums[0];
}
