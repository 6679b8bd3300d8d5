// Metal Shading Language Specification, 4.1: a quotient of 64 bits behind a check of its divisor, in lanes of which one may not divide, behind a return of other lanes
// grid: 16 4
// threadgroup: 16 4
// in x: int 720720
// in f: float 1 1 1 1
// out y: int 720720 720720 360360 240240 180180 144144 120120 102960 90090 80080 72072 65520 60060 55440 51480 48048
#include <metal_stdlib>
using namespace metal;

template <typename T>
T quotient(T a, T b) {
  return b == T(0) || b == T(-1) ? a : T(a / b);
}

kernel void guarded_long_divisions(device const int* x, device const float* f, device int* y, uint3 in_group [[thread_position_in_threadgroup]],
                                   uint i [[thread_index_in_threadgroup]]) {
  half sum = -6;
  int turn = 0;
  do {
    sum += half(i & 31);
  } while (simd_broadcast_first(f[i & 3]) < 1.5f && turn++ < 4);
  if (f[in_group.y] < 0) return;
  if (sum > -7 && i < 16) y[i] = int(quotient<ulong>(ulong(x[0]), ulong(i)));
}
