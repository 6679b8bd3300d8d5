#include <metal_stdlib>
using namespace metal;

kernel void rms_norm(device const T* x, device const T* w, device T* y, constant uint& columns, constant float& epsilon,
                     uint row [[threadgroup_position_in_grid]], uint local [[thread_position_in_threadgroup]],
                     uint threads [[threads_per_threadgroup]], uint lane [[thread_index_in_simdgroup]],
                     uint simdgroup [[simdgroup_index_in_threadgroup]], uint simdgroups [[simdgroups_per_threadgroup]]) {
  threadgroup float partial[32];
  device const T* in = x + row * columns;
  device T* out = y + row * columns;

  float sum = 0;
  for (uint j = local; j < columns; j += threads) {
    const float value = in[j];
    sum += value * value;
  }
  sum = simd_sum(sum);
  if (lane == 0) partial[simdgroup] = sum;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  sum = simd_sum(lane < simdgroups ? partial[lane] : 0.0f);

  const float scale = rsqrt(sum / columns + epsilon);
  for (uint j = local; j < columns; j += threads) out[j] = T(float(w[j]) * (float(in[j]) * scale));
}
