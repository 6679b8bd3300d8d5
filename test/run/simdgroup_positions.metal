// Metal Shading Language Specification, 5.2.3: lanes and simdgroups
// grid: 40
// threadgroup: 40
// out y: int 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 1000 1001 1002 1003 1004 1005 1006 1007
// out z: int 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202 3202
#include <metal_stdlib>
using namespace metal;

kernel void simdgroup_positions(device int* y, device int* z, uint i [[thread_index_in_threadgroup]],
                                uint lane [[thread_index_in_simdgroup]], uint simdgroup [[simdgroup_index_in_threadgroup]],
                                uint width [[threads_per_simdgroup]], uint count [[simdgroups_per_threadgroup]]) {
  y[i] = lane + simdgroup * 1000;
  z[i] = width * 100 + count;
}
