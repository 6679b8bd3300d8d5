#include <metal_stdlib>

// Four neighbours a thread at a time; one thread adds the simdgroups' sums.
kernel void rms_norm(const device metal::vec<T, 4>* rows, const device metal::vec<T, 4>* weights, device metal::vec<T, 4>* out,
                     constant uint& width, constant float& small, uint group [[threadgroup_position_in_grid]],
                     uint index [[thread_index_in_threadgroup]], uint size [[threads_per_threadgroup]]) {
  threadgroup float shared[33];
  const uint quarter = width / 4;
  rows += group * quarter;
  out += group * quarter;
  metal::float4 squares = 0;
  for (uint at = index; at < quarter; at += size) {
    const metal::float4 four = metal::float4(rows[at]);
    squares = metal::fma(four, four, squares);
  }
  const float mine = metal::simd_sum(squares.x + squares.y + squares.z + squares.w);
  if (index % 32 == 0) shared[index / 32] = mine;
  metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
  if (index == 0) {
    float all = 0;
    for (uint s = 0; s < size / 32; s++) all += shared[s];
    shared[32] = 1.0f / metal::sqrt(all / float(width) + small);
  }
  metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
  const float factor = shared[32];
  for (uint at = index; at < quarter; at += size) {
    out[at] = metal::vec<T, 4>(metal::float4(rows[at]) * factor * metal::float4(weights[at]));
  }
}
