// A separable Gaussian blur of an 8-bit image: samples between texels, so that each read weighs two of them.
#include <metal_stdlib>
using namespace metal;

constant constexpr int kTaps = 3;
constant float offsets[kTaps] = {0.0, 1.3846153846, 3.2307692308};
constant float weights[kTaps] = {0.2270270270, 0.3162162162, 0.0702702703};

struct Parameters {
  float2 direction;  // one texel along the axis, in texels
};

kernel void blur(texture2d<float, access::sample> in [[texture(0)]],
                 texture2d<float, access::write> out [[texture(1)]],
                 constant Parameters& parameters [[buffer(0)]],
                 uint2 gid [[thread_position_in_grid]]) {
  constexpr sampler smooth(coord::pixel, address::clamp_to_edge, filter::linear);
  if (gid.x >= out.get_width() || gid.y >= out.get_height()) return;
  const float2 center = float2(gid) + 0.5;
  float4 sum = in.sample(smooth, center) * weights[0];
  for (int i = 1; i < kTaps; ++i) {
    const float2 step = parameters.direction * offsets[i];
    sum += (in.sample(smooth, center + step) + in.sample(smooth, center - step)) * weights[i];
  }
  out.write(sum, gid);
}
