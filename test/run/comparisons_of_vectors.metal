// Metal Shading Language Specification, 3.1: a comparison of vectors is a vector of bool
// grid: 1
// out y: int 1 0 0 1 1 10 2 30
#include <metal_stdlib>
using namespace metal;

kernel void comparisons_of_vectors(device int* y) {
  int3 a = int3(1, 2, 3), b = int3(10, 2, 30);
  bool3 less = a < b;
  y[0] = less.x;
  y[1] = less.y;
  y[2] = all(less);
  y[3] = any(less);
  y[4] = all(a == int3(1, 2, 3)) && !all(a == b);
  int3 chosen = select(a, b, less);
  y[5] = chosen.x, y[6] = chosen.y, y[7] = chosen.z;
}
