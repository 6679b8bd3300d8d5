#include <metal_stdlib>
using namespace metal;

// A threadgroup walks along its row, a value a thread at a time; prefixes by simdgroups, and then among them.
kernel void scan(const device float* x, device float* y, constant uint& columns, uint row [[threadgroup_position_in_grid]],
                 uint local [[thread_position_in_threadgroup]], uint threads [[threads_per_threadgroup]], uint lane [[thread_index_in_simdgroup]],
                 uint simdgroup [[simdgroup_index_in_threadgroup]], uint simdgroups [[simdgroups_per_threadgroup]]) {
  threadgroup float totals[32];
  float carry = 0;
  for (uint start = 0; start < columns; start += threads) {
    const uint at = row * columns + start + local;
    float value = simd_prefix_inclusive_sum(start + local < columns ? x[at] : 0.0f);
    if (lane == 31) totals[simdgroup] = value;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    const float each = lane < simdgroups ? totals[lane] : 0.0f;
    const float before = simd_prefix_exclusive_sum(each);
    value += carry + simd_shuffle(before, simdgroup);
    carry += simd_sum(each);
    if (start + local < columns) y[at] = value;
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
}
