#include <metal_stdlib>
using namespace metal;

constant constexpr int THREADS = 256;

static float threadgroup_sum(float value, threadgroup float* part, uint lane, uint group) {
  value = simd_sum(value);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (lane == 0) part[group] = value;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  float total = 0;
  for (int k = 0; k < THREADS / 32; ++k) total += part[k];
  return total;
}

kernel void layer_norm(device const float* x, device const float* weight, device const float* bias, device float* y,
                       constant uint& width, uint row [[threadgroup_position_in_grid]],
                       uint t [[thread_position_in_threadgroup]], uint lane [[thread_index_in_simdgroup]],
                       uint group [[simdgroup_index_in_threadgroup]]) {
  threadgroup float part[THREADS / 32];
  device const float* from = x + size_t(row) * width;
  float sum = 0;
  for (uint i = t; i < width; i += THREADS) sum += from[i];
  const float mean = threadgroup_sum(sum, part, lane, group) / width;
  float squares = 0;
  for (uint i = t; i < width; i += THREADS) squares += (from[i] - mean) * (from[i] - mean);
  const float scale = rsqrt(threadgroup_sum(squares, part, lane, group) / width + 1e-5f);
  for (uint i = t; i < width; i += THREADS) {
    y[size_t(row) * width + i] = (from[i] - mean) * scale * weight[i] + bias[i];
  }
}
