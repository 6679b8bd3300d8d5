#include <metal_stdlib>

// Several elements a thread, a whole grid apart.
kernel void saxpy(const device float* in [[buffer(0)]], const device float* add [[buffer(1)]], device float* out [[buffer(2)]],
                  constant float* scale [[buffer(3)]], constant uint* length [[buffer(4)]],
                  metal::uint3 index [[thread_position_in_grid]], metal::uint3 threads [[threads_per_grid]]) {
  for (uint at = index.x; at < length[0]; at += threads.x) {
    out[at] = metal::fma(in[at], scale[0], add[at]);
  }
}
