// Metal Shading Language Specification, 2.18: as_type keeps the bits
// grid: 1
// out y: uint 0x3f800000 0x40003c00 0x3c00 0x80000000 0x01020304
// out z: float 2.0 -1.5
#include <metal_stdlib>
using namespace metal;

kernel void as_type_(device uint* y, device float* z) {
  y[0] = as_type<uint>(1.0f);
  y[1] = as_type<uint>(half2(1, 2));
  y[2] = as_type<ushort>(half(1));
  y[3] = as_type<uint>(-0.0f);
  y[4] = as_type<uint>(uchar4(4, 3, 2, 1));
  z[0] = as_type<float>(0x40000000);
  z[1] = as_type<half2>(0xbe000000u).y;
}
