#include <metal_stdlib>
using namespace metal;

kernel void histogram(device const uchar* values [[buffer(0)]], device atomic_uint* bins [[buffer(1)]], constant uint& n [[buffer(2)]],
                      uint i [[thread_position_in_grid]]) {
  if (i < n) atomic_fetch_add_explicit(&bins[values[i]], 1u, memory_order_relaxed);
}

// Beside another output, and with floats.
kernel void totals(device const float* x, device atomic_float* total, device float* doubled, constant uint& n,
                   uint i [[thread_position_in_grid]]) {
  if (i >= n) return;
  doubled[i] = 2 * x[i];
  atomic_fetch_add_explicit(&total[0], x[i], memory_order_relaxed);
}
