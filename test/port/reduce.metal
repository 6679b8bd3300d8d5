#include <metal_stdlib>
using namespace metal;

// Sums of each threadgroup's elements, through threadgroup memory that the host sizes.
kernel void sums(device const float* x [[buffer(0)]], device float* partial [[buffer(1)]], constant uint& n [[buffer(2)]],
                 threadgroup float* shared [[threadgroup(0)]], threadgroup uint& filled [[threadgroup(1)]],
                 uint i [[thread_position_in_grid]], uint t [[thread_index_in_threadgroup]],
                 uint threads [[threads_per_threadgroup]], uint group [[threadgroup_position_in_grid]]) {
  if (t == 0) filled = threads;
  shared[t] = i < n ? x[i] : 0.0f;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (t == 0) {
    float sum = 0.0f;
    threadgroup float* at = shared;
    for (uint k = 0; k < filled; ++k) sum += *at++;
    partial[group] = sum;
  }
}
