// Metal Shading Language Specification, 1.6.9: the pragma that forbids a fused multiply-add
// grid: 1
// in x: float 1.00024414 -1.00048828
// out y: float 0 1
#include <metal_stdlib>
using namespace metal;

#pragma METAL fp contract(off)

// x0 = 1 + 2^-12, so x0*x0 = 1 + 2^-11 + 2^-24, which rounds to 1 + 2^-11 = -x1: apart the sum is 0, fused 2^-24.
kernel void contraction(const device float* x, device float* y) {
  y[0] = x[0] * x[0] + x[1];
  y[1] = fma(x[0], x[0], x[1]) == 0x1p-24f;
}
