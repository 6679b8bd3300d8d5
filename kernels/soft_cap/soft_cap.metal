// soft_cap: y[i] = cap tanh(x[i] / cap), one thread an element. `cap` holds the cap and its reciprocal: a division a thread would
// cost as much as all the rest. Where the quotient is small the curve is x itself, to 2^-27 of it; the quotient may be a denormal there,
// with few digits.
//
// inputs: x, cap, shape
// outputs: y
// types: cap=float32
// instances: T=float32,LARGE=0 | T=float16,LARGE=0 | T=bfloat16,LARGE=0 | T=float32,LARGE=1
#include <metal_stdlib>
using namespace metal;
inline float capped(float x, float cap, float reciprocal) {
  const float ratio = x * reciprocal;
  return fabs(ratio) < 0x1p-13f ? x : cap * tanh(ratio);
}
//// body
if (LARGE) {
  ulong i = ulong(thread_position_in_grid.y) << 20 | thread_position_in_grid.x;
  ulong n = ulong(shape[1]) << 32 | shape[0];
  if (i < n) y[i] = T(capped(float(x[i]), cap[0], cap[1]));
} else {
  uint i = thread_position_in_grid.x;
  if (i < shape[0]) y[i] = T(capped(float(x[i]), cap[0], cap[1]));
}
