// Metal Shading Language Specification, 2.2: a vector of three takes the room of four; packed ones don't (2.2.3)
// grid: 1
// out sizes: uint 16 16 12 4 6 8 8 3 4 1 32
#include <metal_stdlib>
using namespace metal;

struct Mixed {
  char tag;
  packed_float3 position;
};

kernel void vector_layout(device uint* sizes) {
  sizes[0] = sizeof(float3);
  sizes[1] = alignof(float3);
  sizes[2] = sizeof(packed_float3);
  sizes[3] = alignof(packed_float3);
  sizes[4] = sizeof(packed_half3);
  sizes[5] = sizeof(half3);
  sizes[6] = alignof(int2);
  sizes[7] = sizeof(packed_uchar3);
  sizes[8] = sizeof(uchar3);
  sizes[9] = alignof(packed_uchar3);
  sizes[10] = sizeof(Mixed) + sizeof(float4);
}
