// sinh, cosh, tanh: |x| = n ln 2 + r, and sinh and cosh of r and of n ln 2 by the formulas for
// sums; so there is no cancellation near 0 and no second method. asinh, acosh, atanh: logarithms of
// sums whose first term is 1.
#pragma once

#include "coefficients.h"
#include "logarithm.h"
#include "scalar.h"

namespace anymetal::cpu_math {

struct Hyperbolic {
  float sinh;  ///< of r
  float cosh;
  Bits n;  ///< in the last nine bits
};

template <Precision p>
inline Hyperbolic reduce_hyperbolic(float x) {
  const float shifted = multiply_add(x, 0x1.715476p+0f, kRounder);
  const float n = shifted - kRounder;
  float r = multiply_add(n, -0x1.62e43p-1f, x);
  if constexpr (!is_narrow(p)) r = multiply_add(n, 0x1.05c61p-29f, r);
  const float s = r * r;
  const float sine = is_narrow(p) ? polynomial(kSinhNarrow, s) : polynomial(kSinh, s);
  const float cosine = is_narrow(p) ? polynomial(kCoshNarrow, s) : polynomial(kCosh, s);
  return {multiply_add(r * s, sine, r), multiply_add(s, cosine, 1.0f), bits_of(shifted)};
}

/// 2^-2n; zero would do from n = 13 on.
inline float inverse_square_of_power(Bits n) {
  const Bits whole = n - bits_of(kRounder);
  return float_of(kOneBits - ((whole < 31u ? whole : 31u) << 24));
}

template <Precision p>
inline float sinh(float x) {
  const Hyperbolic h = reduce_hyperbolic<p>(at_most(90.0f, magnitude(x)));
  const float a = inverse_square_of_power(h.n);
  const float sum = multiply_add(h.cosh, 1.0f - a, h.sinh * (1.0f + a));
  return with_sign(times_power_of_two(sum, h.n - 1u), bits_of(x));
}

template <Precision p>
inline float cosh(float x) {
  const Hyperbolic h = reduce_hyperbolic<p>(at_most(90.0f, magnitude(x)));
  const float a = inverse_square_of_power(h.n);
  const float sum = multiply_add(h.sinh, 1.0f - a, h.cosh * (1.0f + a));
  return times_power_of_two(sum, h.n - 1u);
}

template <Precision p>
inline float tanh(float x) {
  // Beyond, it is 1.
  const Hyperbolic h = reduce_hyperbolic<p>(at_most(9.5f, magnitude(x)));
  const float a = float_of(kOneBits - (h.n << 24));
  const float sine = multiply_add(h.cosh, 1.0f - a, h.sinh * (1.0f + a));
  const float cosine = multiply_add(h.sinh, 1.0f - a, h.cosh * (1.0f + a));
  return with_sign(sine / cosine, bits_of(x));
}

/// Where the 1 in x^2 + 1 and x^2 - 1 is lost, and the log of 2 x is meant.
inline constexpr float kLargeHyperbolic = 0x1p14f;

/// log(1 + u), or log(2 x) for a large x.
template <Precision p>
inline float log_from_one(float u, float x) {
  const float sum = 1.0f + u;
  const bool is_large = is_above(x, kLargeHyperbolic);
  // Halved, so that the exponent has an inverse.
  return log_of_sum<p>(choose(is_large, 0.5f * x, sum), choose(is_large, 0.0f, u - (sum - 1.0f)),
                       choose(is_large, 2.0f, 0.0f));
}

template <Precision p>
inline float asinh(float x) {
  const float a = magnitude(x), square = a * a;
  const float u = a + square / (1.0f + __builtin_sqrtf(1.0f + square));
  const float result = log_from_one<p>(u, a);
  return with_sign(choose(is_above(kInfinity, a), result, x), bits_of(x));
}

template <Precision p>
inline float acosh(float x) {
  const float t = x - 1.0f;
  const float u = t + __builtin_sqrtf(multiply_add(t, t, t + t));
  const float result = log_from_one<p>(u, x);
  return choose(is_above(1.0f, x), kNan, choose(is_above(kInfinity, x), result, x));
}

template <Precision p>
inline float atanh(float x) {
  const float a = magnitude(x);
  const float u = (a + a) / (1.0f - a);
  const float result = 0.5f * log_from_one<p>(u, 0.0f);
  const float special = bits_of(a) == kOneBits ? kInfinity : kNan;
  return with_sign(choose(is_above(1.0f, a), result, special), bits_of(x));
}

}  // namespace anymetal::cpu_math
