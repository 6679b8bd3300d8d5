// Metal Shading Language Specification, 2.14 and C++14: what a text asks of its loops changes no result. Unrolled as it asks, this is more code than vectors are made of
// grid: 32
// threadgroup: 32
// in x: int 3 10 31 66 14 77 53 43 47 65 97 42 1 75 62 63 78 6 49 5 76 60 58 70 96 35 89 56 37 32 41 64 0 51 15 94 86 92 11 45 93 54 29 18 21 38 69 13 72 44 30 30 44 72 13 69 38 21 18 29 54 93 45 11
// in n: uint 3
// out y: int 75755 59965 61623 61434 65533 66541 64720 63978 70332 63172 70600 68954 74962 74071 71033 73147 79546 77477 71450 78449 83372 80855 78935 77787 86738 80030 79339 79533 81385 81993 83356 82324
#include <metal_stdlib>
using namespace metal;

kernel void loops_asked_to_be_unrolled(device const int* x, device int* y, constant uint& n, uint i [[thread_position_in_grid]]) {
  int s = 0;
#pragma unroll
  for (uint a = 0; a < 8; ++a) {
#pragma unroll
    for (uint b = 0; b < 8; ++b) {
#pragma unroll
      for (uint c = 0; c < 8; ++c) {
        int d = 0;
        if (a * b + c < i + 20) {
          for (uint k = 0; k < n; ++k) {
            const int e = x[(a * 8 + b * c + k * i) % 64];
            if (e > 50) d += e * int(k + 1);
            else d -= e;
          }
        }
        if (d > int(a + b)) s += d;
        else s ^= int(c);
      }
    }
  }
  y[i] = s;
}
