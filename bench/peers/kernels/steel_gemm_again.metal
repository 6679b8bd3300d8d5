#include <metal_simdgroup_matrix>
#include <metal_stdlib>
using namespace metal;

// 64x32 of the result a threadgroup: two simdgroups with four by four matrices each, straight from device memory.
kernel void steel_gemm(const device T* a, const device T* b, device T* c, constant uint& n, uint2 group [[threadgroup_position_in_grid]],
                       uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  const uint row = group.y * 64 + simdgroup * 32, column = group.x * 32;
  simdgroup_float8x8 sums[4][4];
  for (int i = 0; i < 4; i++) {
    for (int j = 0; j < 4; j++) sums[i][j] = make_filled_simdgroup_matrix<float, 8, 8>(0);
  }
  for (uint p = 0; p < n; p += 8) {
    simdgroup_matrix<T, 8, 8> left[4], right[4];
    for (int i = 0; i < 4; i++) {
      simdgroup_load(left[i], a + (row + 8 * i) * n + p, n);
      simdgroup_load(right[i], b + p * n + column + 8 * i, n);
    }
    for (int i = 0; i < 4; i++) {
      for (int j = 0; j < 4; j++) simdgroup_multiply_accumulate(sums[i][j], left[i], right[j], sums[i][j]);
    }
  }
  for (int i = 0; i < 4; i++) {
    for (int j = 0; j < 4; j++) {
      simdgroup_matrix<T, 8, 8> rounded;
      rounded.thread_elements()[0] = T(sums[i][j].thread_elements()[0]);
      rounded.thread_elements()[1] = T(sums[i][j].thread_elements()[1]);
      simdgroup_store(rounded, c + (row + 8 * i) * n + column + 8 * j, n);
    }
  }
}
