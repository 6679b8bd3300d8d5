// Metal Shading Language Specification, 6.13: packing of normalised numbers
// grid: 1
// out y: uint 0xff8000ff 0xffff0000 0x7fff8001
// out z: float 1 0 1 0.5 -1
#include <metal_stdlib>
using namespace metal;

kernel void pack_unpack(device uint* y, device float* z) {
  y[0] = pack_float_to_unorm4x8(float4(1, 0, 0.5f, 2));
  y[1] = pack_float_to_unorm2x16(float2(0, 1));
  y[2] = pack_float_to_snorm2x16(float2(-1, 1));
  float4 v = unpack_unorm4x8_to_float(0xff0000ffu);
  z[0] = v.x, z[1] = v.y, z[2] = v.w;
  z[3] = round(unpack_unorm2x16_to_float(0x00008000u).x * 2.0f) / 2.0f;
  z[4] = unpack_snorm2x16_to_float(0x00008001u).x;
}
