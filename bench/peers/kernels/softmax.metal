#include <metal_stdlib>
using namespace metal;

// One threadgroup a row, reductions by simdgroups and then among them.
kernel void softmax(device const T* x, device T* y, constant uint& columns, uint row [[threadgroup_position_in_grid]],
                    uint local [[thread_position_in_threadgroup]], uint threads [[threads_per_threadgroup]],
                    uint lane [[thread_index_in_simdgroup]], uint simdgroup [[simdgroup_index_in_threadgroup]],
                    uint simdgroups [[simdgroups_per_threadgroup]]) {
  threadgroup float partial[32];
  device const T* in = x + row * columns;
  device T* out = y + row * columns;

  float top = -INFINITY;
  for (uint j = local; j < columns; j += threads) top = max(top, float(in[j]));
  top = simd_max(top);
  if (lane == 0) partial[simdgroup] = top;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  top = simd_max(lane < simdgroups ? partial[lane] : -INFINITY);
  threadgroup_barrier(mem_flags::mem_threadgroup);

  float sum = 0;
  for (uint j = local; j < columns; j += threads) sum += exp(float(in[j]) - top);
  sum = simd_sum(sum);
  if (lane == 0) partial[simdgroup] = sum;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  sum = simd_sum(lane < simdgroups ? partial[lane] : 0.0f);

  const float scale = 1 / sum;
  for (uint j = local; j < columns; j += threads) out[j] = T(exp(float(in[j]) - top) * scale);
}
