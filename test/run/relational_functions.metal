// Metal Shading Language Specification, 6.4: questions about floating-point numbers
// grid: 1
// out y: int 1 0 1 1 0 1 1 1 0 1
#include <metal_stdlib>
using namespace metal;

kernel void relational_functions(device int* y) {
  float zero = y[0];
  float inf = 1.0f / zero, nan = inf - inf;
  y[0] = isnan(nan);
  y[1] = isnan(inf);
  y[2] = isinf(inf);
  y[3] = isfinite(1.0f);
  y[4] = isfinite(nan);
  y[5] = signbit(-0.0f);
  y[6] = isnormal(1.0f);
  y[7] = isunordered(1.0f, nan);
  y[8] = isordered(1.0f, nan);
  y[9] = all(not(bool2(false, nan > 0.0f)));
}
