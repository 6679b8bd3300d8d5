#include <metal_stdlib>
using namespace metal;

// Bins in threadgroup memory; each thread takes `each` values, a threadgroup apart.
kernel void histogram_threadgroup(device const uint* x, device atomic_uint* bins, constant uint& each,
                                  uint group [[threadgroup_position_in_grid]], uint local [[thread_position_in_threadgroup]],
                                  uint threads [[threads_per_threadgroup]]) {
  threadgroup atomic_uint mine[256];
  for (uint bin = local; bin < 256; bin += threads) atomic_store_explicit(&mine[bin], 0u, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  uint start = group * threads * each + local;
  for (uint j = 0; j < each; ++j) atomic_fetch_add_explicit(&mine[x[start + j * threads] & 255], 1u, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint bin = local; bin < 256; bin += threads) {
    atomic_fetch_add_explicit(&bins[bin], atomic_load_explicit(&mine[bin], memory_order_relaxed), memory_order_relaxed);
  }
}
