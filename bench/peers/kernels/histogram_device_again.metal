#include <metal_stdlib>

// Four values a thread.
kernel void histogram_device(const device metal::uint4* values, device metal::atomic<uint>* counts,
                             uint index [[thread_position_in_grid]]) {
  const metal::uint4 bins = values[index] % 256;
  for (int k = 0; k < 4; k++) metal::atomic_fetch_add_explicit(counts + bins[k], 1, metal::memory_order_relaxed);
}
