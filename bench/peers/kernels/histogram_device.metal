#include <metal_stdlib>
using namespace metal;

kernel void histogram_device(device const uint* x, device atomic_uint* bins, uint i [[thread_position_in_grid]]) {
  atomic_fetch_add_explicit(&bins[x[i] & 255], 1u, memory_order_relaxed);
}
