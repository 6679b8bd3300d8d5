// Metal Shading Language Specification, 6.9.2: lanes that take another way than the loop that others leave one by one come back with their own value; simd functions see the lanes of their way
// grid: 64
// threadgroup: 64
// in x: float 0 0 0 0.5
// in number: int 3
// out y: float 0.5 0.5 0.5 0.5 0.5 0.5 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 0.5 0.5 0.5 0.5 0.5 0.5 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2
#include <metal_stdlib>
using namespace metal;

kernel void ways_of_lanes_with_loops(device const float* x, device float* y, constant int& number,
                                     uint i [[thread_position_in_grid]], uint lane [[thread_index_in_simdgroup]]) {
  float v = x[3];
  if (!(lane > 5u)) {
    int n = 0;
    while (lane != 1u && n++ < 4) {}
  } else {
    for (int j = 0; j < int(3u & uint(number)); ++j) v = 1.0f;
    v -= simd_broadcast_first(3.0f);
  }
  y[i] = v;
}
