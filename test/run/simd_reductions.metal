// Metal Shading Language Specification, 6.9.2: reductions and prefix sums take the active lanes
// grid: 32
// threadgroup: 32
// out y: int 496 496 496 496 496 496 496 496 496 496 496 496 496 496 496 496 496 496 496 496 496 496 496 496 496 496 496 496 496 496 496 496
// out z: int 240 -1 240 -1 240 -1 240 -1 240 -1 240 -1 240 -1 240 -1 240 -1 240 -1 240 -1 240 -1 240 -1 240 -1 240 -1 240 -1
// out p: int 0 0 1 3 6 10 15 21 28 36 45 55 66 78 91 105 120 136 153 171 190 210 231 253 276 300 325 351 378 406 435 465
#include <metal_stdlib>
using namespace metal;

kernel void simd_reductions(device int* y, device int* z, device int* p, uint i [[thread_position_in_grid]]) {
  y[i] = simd_sum(int(i));
  p[i] = simd_prefix_exclusive_sum(int(i));
  z[i] = -1;
  if (i % 2 == 0) z[i] = simd_sum(int(i));
}
