#include <metal_stdlib>

// Eight neighbours a thread, kept in its registers; reductions through threadgroup memory that the first simdgroup folds.
constant constexpr int each = 8;

kernel void softmax(const device T* source [[buffer(0)]], device T* target [[buffer(1)]], constant int& width [[buffer(2)]],
                    metal::uint3 group [[threadgroup_position_in_grid]], metal::ushort3 place [[thread_position_in_threadgroup]],
                    ushort in_simdgroup [[thread_index_in_simdgroup]], ushort which [[simdgroup_index_in_threadgroup]]) {
  threadgroup float sums[32];
  threadgroup float tops[32];
  threadgroup float whole[2];
  const size_t start = size_t(group.x) * width + place.x * each;
  float values[each];
  float top = -3e38f;
  for (int k = 0; k < each; k++) {
    values[k] = place.x * each + k < width ? static_cast<float>(source[start + k]) : -3e38f;
    top = metal::fmax(top, values[k]);
  }
  if (which == 0) {
    tops[in_simdgroup] = -3e38f;
    sums[in_simdgroup] = 0;
  }
  metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
  top = metal::simd_max(top);
  if (metal::simd_is_first()) tops[which] = top;
  metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
  if (which == 0) {
    const float all = metal::simd_max(tops[in_simdgroup]);
    if (in_simdgroup == 0) whole[0] = all;
  }
  metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
  float total = 0;
  for (int k = 0; k < each; k++) {
    values[k] = metal::exp(values[k] - whole[0]);
    total += values[k];
  }
  total = metal::simd_sum(total);
  if (metal::simd_is_first()) sums[which] = total;
  metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
  if (which == 0) {
    const float all = metal::simd_sum(sums[in_simdgroup]);
    if (in_simdgroup == 0) whole[1] = 1.0f / all;
  }
  metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
  for (int k = 0; k < each; k++) {
    if (place.x * each + k < width) target[start + k] = static_cast<T>(values[k] * whole[1]);
  }
}
