// Metal Shading Language Specification, 4.3 and 5.2: threadgroup memory whose size the dispatch says
// grid: 8
// threadgroup: 4
// memory: 0=16 1=32
// in x: int 1 2 3 4 5 6 7 8
// out y: int 4 3 2 1 8 7 6 5
// out z: int 10 10 10 10 26 26 26 26
#include <metal_stdlib>
using namespace metal;

kernel void threadgroup_arguments(const device int* x, device int* y, device int* z, threadgroup int* turned [[threadgroup(0)]],
                                  threadgroup int2* sums [[threadgroup(1)]], uint i [[thread_position_in_grid]],
                                  uint lid [[thread_position_in_threadgroup]]) {
  turned[lid] = x[i];
  sums[lid] = int2(x[i], 1);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = turned[3 - lid];
  int2 sum = 0;
  for (int k = 0; k < 4; ++k) sum += sums[k];
  z[i] = sum.x * sum.y / 4;
}
