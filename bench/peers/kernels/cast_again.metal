#include <metal_stdlib>

kernel void cast(const device metal::packed_float4* from, device metal::half4* to, uint index [[thread_position_in_grid]]) {
  const metal::float4 four = from[index];
  to[index] = metal::half4(four);
}
