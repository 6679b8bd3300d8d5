// Metal Shading Language Specification, 6.1 and 5 of <metal_limits>: numeric_limits
// grid: 1
// out y: int 127 65535 2147483647 24 11 8 1
// out z: float 3.40282347e+38 1.1920929e-07 65504
#include <metal_stdlib>
using namespace metal;

kernel void limits(device int* y, device float* z) {
  y[0] = numeric_limits<char>::max();
  y[1] = numeric_limits<ushort>::max();
  y[2] = numeric_limits<int>::max();
  y[3] = numeric_limits<float>::digits;
  y[4] = numeric_limits<half>::digits;
  y[5] = numeric_limits<uchar>::digits;
  y[6] = isinf(numeric_limits<float>::infinity());
  z[0] = numeric_limits<float>::max();
  z[1] = numeric_limits<float>::epsilon();
  z[2] = numeric_limits<half>::max();
}
