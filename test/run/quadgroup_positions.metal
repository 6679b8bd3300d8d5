// Metal Shading Language Specification, 5.2.3: quadgroups
// grid: 8
// threadgroup: 8
// out y: int 0 1 2 3 100 101 102 103
#include <metal_stdlib>
using namespace metal;

kernel void quadgroup_positions(device int* y, uint i [[thread_index_in_threadgroup]],
                                uint lane [[thread_index_in_quadgroup]], uint quad [[quadgroup_index_in_threadgroup]]) {
  y[i] = lane + quad * 100;
}
