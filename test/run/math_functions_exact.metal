// Metal Shading Language Specification, 6.5: functions of math whose results are exact
// grid: 1
// out y: float -2 -1 -1 2 4 0.25 1.5 40 5 0.625 0.5 2 3 4 -4
#include <metal_stdlib>
using namespace metal;

kernel void math_functions_exact(device float* y) {
  y[0] = floor(-1.5f);
  y[1] = ceil(-1.5f);
  y[2] = trunc(-1.5f);
  y[3] = rint(2.5f);
  y[4] = round(3.5f);
  y[5] = fract(-1.75f);
  y[6] = fmod(5.5f, 2.0f);
  y[7] = ldexp(5.0f, 3);
  int exponent;
  float fraction = frexp(20.0f, exponent);
  y[8] = exponent;
  y[9] = fraction;
  float whole;
  y[10] = modf(2.5f, whole);
  y[11] = whole;
  y[12] = ilogb(9.0f);
  y[13] = fdim(7.0f, 3.0f);
  y[14] = copysign(4.0f, -1.0f);
}
