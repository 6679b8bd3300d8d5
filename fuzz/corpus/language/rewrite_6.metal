#include <metal_stdlib>
using namespace metal;

kernel void k(device half* a, device bfloat* b, device float* c) {
  a[0] = 1.5h; a[1] = 2.h; b[0] = 1.5bf; c[0] = 0.1;
  static_assert(sizeof(1.0h) == 2 && sizeof(1.0bf) == 2 && sizeof(0.1) == 4, "types of literals");
}