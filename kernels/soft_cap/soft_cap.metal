// soft_cap: y[i] = cap tanh(x[i] / cap), one thread an element. `cap` holds the cap and its reciprocal.
//
// inputs: x, cap, shape
// outputs: y
// types: cap=float32
// instances: T=float32,LARGE=0 | T=float16,LARGE=0 | T=bfloat16,LARGE=0 | T=float32,LARGE=1
#include <metal_stdlib>
using namespace metal;
// tanh a = a P(a^2) / Q(a^2) to 2.2e-8 of it for a up to 9.05 (fitted in double, least squares whose weights were moved to the largest errors); the library's tanh, which has to be
// right to an ulp, takes longer than memory does. From 9.011 on it is 1 as a float. Where the ratio is small the curve is x itself, to 2^-27 of it; the ratio
// may be a denormal there, with few digits. NaN passes all comparisons as it is.
inline float capped(float x, float cap, float reciprocal) {
  const float ratio = x * reciprocal;
  const float a = fabs(ratio);
  const float u = a * a;
  float p = fma(u, 1.32658329e-08f, 2.0545096e-05f);
  p = fma(u, p, 0.00349170226f);
  p = fma(u, p, 0.133777544f);
  p = fma(u, p, 1.0f);
  float q = fma(u, 7.74024272e-07f, 0.000327927846f);
  q = fma(u, q, 0.0258622002f);
  q = fma(u, q, 0.467110693f);
  q = fma(u, q, 1.0f);
  float share = a * p / q;
  share = share > 1.0f || a > 9.011f ? 1.0f : share;
  return a < 0x1p-13f ? x : cap * copysign(share, ratio);
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
