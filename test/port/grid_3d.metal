#include <metal_stdlib>
using namespace metal;

/* Mean of a cell and its
   neighbours along x. */
kernel void smooth(device const half* in [[buffer(0)]], device half* out [[buffer(1)]], uint3 at [[thread_position_in_grid]],
                   uint3 size [[threads_per_grid]], ushort3 local [[thread_position_in_threadgroup]]) {
  const uint index = (at.z * size.y + at.y) * size.x + at.x;
  const half left = at.x > 0 ? in[index - 1] : in[index];
  const half right = at.x + 1 < size.x ? in[index + 1] : in[index];
  out[index] = (left + in[index] + right) / 3.0h + half(local.z & 1);
}
