// Metal Shading Language Specification, 6.9.3: functions over four threads
// grid: 8
// threadgroup: 8
// out y: int 6 6 6 6 22 22 22 22
// out z: int 1 0 3 2 5 4 7 6
// out b: int 2 2 2 2 6 6 6 6
#include <metal_stdlib>
using namespace metal;

kernel void quad_functions(device int* y, device int* z, device int* b, uint i [[thread_position_in_grid]]) {
  int x = int(i);
  y[i] = quad_sum(x);
  z[i] = quad_shuffle_xor(x, ushort(1));
  b[i] = quad_broadcast(x, ushort(2));
}
