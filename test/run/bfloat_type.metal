// Metal Shading Language Specification, 2.1: bfloat has 8 bits of precision
// grid: 1
// out y: float 1.0 256.0 3.140625 1e38 1.0078125
#include <metal_stdlib>
using namespace metal;

kernel void bfloat_type(device float* y) {
  y[0] = float(bfloat(1.0f));
  y[1] = float(bfloat(257.0f));
  y[2] = float(bfloat(3.14159f));
  bfloat big = bfloat(1e38f);
  y[3] = float(big) > 9e37f ? 1e38f : 0.0f;
  y[4] = float(bfloat(1.0f) + bfloat(0.0078125f));
}
