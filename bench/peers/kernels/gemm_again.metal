#include <metal_stdlib>

// Flat threadgroup memory, pointers that move, no guards: the sizes are multiples of 16.
kernel void gemm(const device float* left [[buffer(0)]], const device float* right [[buffer(1)]], device float* out [[buffer(2)]],
                 constant metal::packed_uint3& size [[buffer(3)]], metal::ushort2 in_group [[thread_position_in_threadgroup]],
                 metal::uint2 index [[thread_position_in_grid]]) {
  threadgroup float staged[2 * 256];
  threadgroup float* const mine = staged + in_group.y * 16 + in_group.x;
  const device float* from_left = left + index.y * size.z + in_group.x;
  const device float* from_right = right + in_group.y * size.y + index.x;
  float sum = 0;
  int steps = int(size.z) / 16;
  while (steps-- > 0) {
    mine[0] = *from_left;
    mine[256] = *from_right;
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    for (ushort i = 0; i < 16; i++) sum += staged[in_group.y * 16 + i] * staged[256 + i * 16 + in_group.x];
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    from_left += 16;
    from_right += 16 * size.y;
  }
  out[index.y * size.y + index.x] = sum;
}
