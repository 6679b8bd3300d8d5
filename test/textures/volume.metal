// Rays through a volume: the integral of trilinear samples along z, clamped to zero outside.
#include <metal_stdlib>
using namespace metal;

constexpr sampler in_volume(coord::normalized, address::clamp_to_zero, filter::linear);

struct Ray {
  packed_float3 origin;
  packed_float3 direction;
};

float4 march(texture3d<float> volume, float3 origin, float3 direction, uint steps) {
  float4 sum = 0;
  for (uint i = 0; i < steps; ++i) sum += volume.sample(in_volume, origin + direction * ((i + 0.5f) / steps));
  return sum / steps;
}

kernel void integrate(texture3d<float> volume [[texture(0)]], device const Ray* rays [[buffer(0)]],
                      device float4* out [[buffer(1)]], constant uint& steps [[buffer(2)]],
                      uint i [[thread_position_in_grid]]) {
  out[i] = march(volume, float3(rays[i].origin), float3(rays[i].direction), steps);
}
