#include <metal_stdlib>
using namespace metal;

// A simdgroup takes a stretch of rows; the parts are folded by halves.
kernel void qtv_32x8(device const float* q, device const float* v, constant uint* shape, device float* out,
                     ushort index [[thread_index_in_threadgroup]], uint group [[threadgroup_position_in_grid]],
                     ushort lane [[thread_index_in_simdgroup]], ushort part [[simdgroup_index_in_threadgroup]]) {
  threadgroup float folded[256];
  const uint stretch = shape[0] / 8, first = part * stretch;
  device const float* column = q + group * 32 + lane;
  float sum = 0;
  for (uint row = first; row < first + stretch; row++) sum = fma(column[row * shape[1]], v[row], sum);
  folded[index] = sum;
  for (ushort half_of_them = 128; half_of_them >= 32; half_of_them /= 2) {
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (index < half_of_them) folded[index] += folded[index + half_of_them];
  }
  if (index < 32) out[group * 32 + index] = folded[index];
}
