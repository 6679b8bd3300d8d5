// Metal Shading Language Specification, 6.10: 8x8 matrices of a simdgroup
// grid: 32
// threadgroup: 32
// in a: float 1 0 0 0 0 0 0 0 2 0 0 0 0 0 0 0 3 0 0 0 0 0 0 0 4 0 0 0 0 0 0 0 5 0 0 0 0 0 0 0 6 0 0 0 0 0 0 0 7 0 0 0 0 0 0 0 8 0 0 0 0 0 0 0
// in b: float 0 1 2 3 4 5 6 7 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100 100
// out c: float 2 1 2 3 4 5 6 7 0 4 4 6 8 10 12 14 0 3 8 9 12 15 18 21 0 4 8 14 16 20 24 28 0 5 10 15 22 25 30 35 0 6 12 18 24 32 36 42 0 7 14 21 28 35 44 49 0 8 16 24 32 40 48 58
// out t: float 1 2 3 4 5 6 7 8 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
#include <metal_stdlib>
using namespace metal;

kernel void simdgroup_matrices(const device float* a, const device float* b, device float* c, device float* t) {
  simdgroup_float8x8 x, y, sum(2.0f);  // 2 on the diagonal
  simdgroup_load(x, a, 8);
  simdgroup_load(y, b, 8);
  simdgroup_multiply_accumulate(sum, x, y, sum);
  simdgroup_store(sum, c, 8);
  simdgroup_float8x8 turned;
  simdgroup_load(turned, a, 8, ulong2(0, 0), true);
  simdgroup_store(turned, t, 8);
}
