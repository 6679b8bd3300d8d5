// Metal Shading Language Specification, 6.9.2: shuffles, fills and rotations
// grid: 32
// threadgroup: 32
// out y: int 31 30 29 28 27 26 25 24 23 22 21 20 19 18 17 16 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1 0
// out f: int 129 130 131 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28
// out r: int 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 0 1 2 3 4
#include <metal_stdlib>
using namespace metal;

kernel void simd_permutes(device int* y, device int* f, device int* r, uint i [[thread_position_in_grid]]) {
  int x = int(i);
  y[i] = simd_shuffle(x, ushort(31 - i));
  f[i] = simd_shuffle_and_fill_up(x, x + 100, ushort(3));
  r[i] = simd_shuffle_rotate_down(x, ushort(5));
}
