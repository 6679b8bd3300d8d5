#include <metal_stdlib>
using namespace metal;

// refused: 'image' is a texture
kernel void texels(texture2d<float> image [[texture(0)]], device float* out [[buffer(0)]], uint2 at [[thread_position_in_grid]]) {
  out[at.x] = image.read(at).x;
}

// refused: 'nearest' is a sampler
kernel void sampled(sampler nearest [[sampler(0)]], device float* out, uint i [[thread_position_in_grid]]) { out[i] = 1; }

struct Lists {
  device float* values;
  uint count;
};
// refused: 'lists' is an argument buffer
kernel void listed(constant Lists& lists [[buffer(0)]], device float* out [[buffer(1)]], uint i [[thread_position_in_grid]]) {
  if (i < lists.count) out[i] = lists.values[i];
}

// refused: 'rows' is an argument buffer
kernel void pointed(device float* constant* rows [[buffer(0)]], device float* out [[buffer(1)]], uint i [[thread_position_in_grid]]) {
  out[i] = rows[0][i];
}

// What can be ported beside them is.
kernel void plain(device const float* x, device float* y, uint i [[thread_position_in_grid]]) { y[i] = x[i]; }
