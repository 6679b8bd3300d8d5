// Metal Shading Language Specification, 3.1: operators go by component, a scalar with each
// grid: 1
// out y: int 5 8 11 3 6 9 1 0 1 2 8 32 -2 -3 -4 6 5 4
#include <metal_stdlib>
using namespace metal;

void put(device int* y, int at, int3 v) {
  y[at] = v.x, y[at + 1] = v.y, y[at + 2] = v.z;
}

kernel void operators_on_vectors(device int* y) {
  int3 v = int3(1, 2, 3);
  put(y, 0, v * 3 + 2);
  put(y, 3, 3 * v);
  put(y, 6, v & 1);
  put(y, 9, 1 << int3(1, 3, 5));
  put(y, 12, ~v);
  int3 down = 7 - v;
  put(y, 15, down--);
}
