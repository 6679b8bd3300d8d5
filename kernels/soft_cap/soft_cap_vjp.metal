// soft_cap_vjp: gx = gy / cosh^2(x / cap), as 4 e / (1 + e)^2 with e = exp(-2 |x / cap|): 1 - tanh^2 would cancel where the curve
// is flat.
//
// inputs: x, gy, cap, shape
// outputs: gx
// types: cap=float32
// instances: T=float32,LARGE=0 | T=float16,LARGE=0 | T=bfloat16,LARGE=0 | T=float32,LARGE=1
#include <metal_stdlib>
using namespace metal;
inline float slope_of_tanh(float x) {
  const float e = exp(-2.0f * fabs(x));
  const float sum = 1.0f + e;
  return 4.0f * e / (sum * sum);
}
//// body
if (LARGE) {
  ulong i = ulong(thread_position_in_grid.y) << 20 | thread_position_in_grid.x;
  ulong n = ulong(shape[1]) << 32 | shape[0];
  if (i < n) gx[i] = T(float(gy[i]) * slope_of_tanh(float(x[i]) * cap[1]));
} else {
  uint i = thread_position_in_grid.x;
  if (i < shape[0]) gx[i] = T(float(gy[i]) * slope_of_tanh(float(x[i]) * cap[1]));
}
