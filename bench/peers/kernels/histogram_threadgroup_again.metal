#include <metal_stdlib>

// The threadgroup walks in pieces of four values a thread; empty bins aren't added.
kernel void histogram_threadgroup(const device metal::uint4* values [[buffer(0)]], device metal::atomic_uint* total [[buffer(1)]],
                                  constant uint& each [[buffer(2)]], metal::uint3 index [[thread_position_in_threadgroup]],
                                  metal::uint3 group [[threadgroup_position_in_grid]], metal::uint3 size [[threads_per_threadgroup]]) {
  threadgroup metal::atomic_uint counts[4][64];
  for (uint at = index.x; at < 256; at += size.x) {
    metal::atomic_store_explicit(&counts[at / 64][at % 64], 0, metal::memory_order_relaxed);
  }
  metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
  const device metal::uint4* from = values + group.x * size.x * each / 4;
  for (uint at = index.x; at < size.x * each / 4; at += size.x) {
    const metal::uint4 four = from[at];
    for (uint k = 0; k < 4; k++) {
      const uint bin = four[k] & 0xff;
      metal::atomic_fetch_add_explicit(&counts[bin >> 6][bin & 63], 1, metal::memory_order_relaxed);
    }
  }
  metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
  for (uint at = index.x; at < 256; at += size.x) {
    const uint count = metal::atomic_load_explicit(&counts[at / 64][at % 64], metal::memory_order_relaxed);
    if (count != 0) metal::atomic_fetch_add_explicit(&total[at], count, metal::memory_order_relaxed);
  }
}
