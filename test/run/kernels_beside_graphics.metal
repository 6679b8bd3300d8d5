// Metal Shading Language Specification, 5.1 and 5.2: a file with vertex and fragment functions, whose kernels run
// grid: 2
// in x: float 5 -3
// out y: float 6 -2
#include <metal_stdlib>
#include <simd/simd.h>
#include <TargetConditionals.h>
using namespace metal;

struct Corner {
  vector_float3 place [[attribute(0)]];
  simd_float2 uv [[attribute(1)]];
};
struct Passed {
  float4 position [[position]];
  float2 uv [[user(locn0), center_no_perspective]];
  half shade [[flat]];
  float size [[point_size]];
};
struct Uniforms {
  matrix_float4x4 view;
  simd::float4 color;
};
// Beside the kernels, and not called by one.
inline float width_of(float x) {
  if (x < 0) discard_fragment();
  return fwidth(x) + dfdx(x) + dfdy(x);
}

vertex Passed corner(Corner in [[stage_in]], constant Uniforms& u [[buffer(1)]], uint id [[vertex_id]],
                     uint copy [[instance_id]]) {
  Passed out;
  out.position = u.view * float4(in.place, 1);
  out.what_is_not_there = 1;
  return out;
}
[[early_fragment_tests]] fragment float4 shaded(Passed in [[stage_in]], texture2d<float> t [[texture(0)]]) {
  constexpr sampler s(filter::linear);
  return t.sample(s, in.uv) * width_of(in.uv.x);
}
template <typename T>
[[fragment]] T plain(Passed in [[stage_in]], bool front [[front_facing]]) {
  return T(front);
}
template [[host_name("plain_half")]] fragment half4 plain<half4>(Passed in [[stage_in]], bool front [[front_facing]]);
[[visible]] float plus_one(float x) { return x + 1; }

kernel void kernels_beside_graphics(device const float* x, device float* y, uint i [[thread_position_in_grid]]) {
#if TARGET_OS_OSX && !TARGET_OS_SIMULATOR
  y[i] = plus_one(x[i]);
#endif
}
