#include <metal_stdlib>

// Four elements a thread, by powers of two.
kernel void exp(device const metal::float4* x, device metal::float4* y, uint group [[threadgroup_position_in_grid]],
                uint size [[threads_per_threadgroup]], uint local [[thread_position_in_threadgroup]]) {
  const uint place = group * size + local;
  metal::float4 value = x[place];
  y[place] = metal::exp2(value * M_LOG2E_F);
}
