#include <metal_stdlib>
using namespace metal;

struct C { float re, im; };
kernel void k(device C* a, const device half* h, device bfloat* b, uint i [[thread_position_in_grid]]) {
  C zero = {0, 0};
  C x = i > 3 ? a[i] : C{1, 2};
  C y = i > 3 ? zero : a[0];
  a[1] = x; a[2] = y;
  b[i] = static_cast<bfloat>(h[i]);
  b[i + 1] = bfloat(h[i]);
  b[i + 2] = (bfloat)h[i];
}