#include <metal_stdlib>
using namespace metal;

struct Window {
  float2 low;
  half scale;
  uchar mode;
  int3 steps;
};

struct Particle {
  float3 position;
  float mass;
  uint kind;
};

inline float weight(constant Window& w, float x) { return w.mode > 4 ? x * float(w.scale) : x + w.low.y; }

// A struct by reference that is handed on, and arrays of structs.
kernel void move(device const Particle* from [[buffer(0)]], device Particle* to [[buffer(1)]], constant Window& window [[buffer(2)]],
                 device float* masses [[buffer(3)]], uint i [[thread_position_in_grid]]) {
  Particle p = from[i];
  p.position += float3(window.low, float(window.steps.z));
  p.mass = weight(window, p.mass);
  p.kind += uint(window.steps.x);
  masses[i] = p.mass;
  to[i] = p;
}

struct Camera {
  float4x4 view;
  float3 eye;
};
kernel void project(device const packed_float3* points, device float4* out, constant Camera& camera, constant float3& light,
                    uint i [[thread_position_in_grid]]) {
  out[i] = camera.view * float4(float3(points[i]) - camera.eye, 1.0f) + float4(light, 0.0f);
}
