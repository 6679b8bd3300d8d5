#include <metal_stdlib>

// Two axes; the borders are added where they exist.
kernel void depthwise(constant metal::packed_uint3& size, const device float* in, const device float* taps, device float* out,
                      metal::uint2 at [[thread_position_in_grid]]) {
  const device float* weights = taps + 3 * (at.y % size.y);
  const device float* row = in + at.y * size.z;
  float result = weights[1] * row[at.x];
  if (at.x > 0) result += weights[0] * row[at.x - 1];
  if (at.x < size.z - 1) result += weights[2] * row[at.x + 1];
  out[at.y * size.z + at.x] = result;
}
