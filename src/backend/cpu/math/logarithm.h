// log, log2, log10, and the log of a sum for the inverse hyperbolic functions: x = 2^e (1 + f) with
// 1 + f in [2/3, 4/3), and f + f^2 P(f) for log(1 + f). Near 1, e is zero and nothing cancels.
#pragma once

#include "coefficients.h"
#include "scalar.h"

namespace anymetal::cpu_math {

inline constexpr float kLn2 = 0x1.62e43p-1f, kLog2E = 0x1.715476p+0f;
inline constexpr float kLog10Of2 = 0x1.344136p-2f, kLog10E = 0x1.bcb7b2p-2f;

struct Split {
  float exponent;
  float f;
};

/// Of a positive finite x.
template <Precision p>
inline Split split(float x) {
  // No float that is a half is denormal.
  const bool is_denormal = p != Precision::half && x < 0x1p-126f;
  const Bits shifted = bits_of(choose(is_denormal, x * 0x1p24f, x)) - bits_of(2.0f / 3);
  const int exponent = static_cast<int>(shifted) >> 23;
  return {static_cast<float>(choose(is_denormal, exponent - 24, exponent)),
          float_of((shifted & 0x7fffffu) + bits_of(2.0f / 3)) - 1.0f};
}

/// (log(1 + f) - f) / f^2
template <Precision p>
inline float log_rest(float f) {
  if constexpr (is_narrow(p)) return polynomial(kLogNarrow, f);
  return p == Precision::fast ? polynomial(kLogFast, f) : polynomial(kLog, f);
}

/// log(1 + f)
template <Precision p>
inline float log_near_one(float f) {
  return multiply_add(f * f, log_rest<p>(f), f);
}

/// What a logarithm gives where x isn't positive and finite.
template <Precision p>
inline float with_special_logs(float result, float x) {
  const float special = is_zero<p>(x) ? -kInfinity : (is_negative(x) ? kNan : x);
  return choose(is_positive_and_finite(x), result, special);
}

template <Precision p>
inline float log(float x) {
  const Split s = split<p>(x);
  return with_special_logs<p>(multiply_add(s.exponent, kLn2, log_near_one<p>(s.f)), x);
}

template <Precision p>
inline float log2(float x) {
  const Split s = split<p>(x);
  return with_special_logs<p>(multiply_add(log_near_one<p>(s.f), kLog2E, s.exponent), x);
}

template <Precision p>
inline float log10(float x) {
  const Split s = split<p>(x);
  // The greater term is multiplied exactly: a product of the sum would be 1.5 ulp worse.
  const float rest = (s.f * s.f) * (log_rest<of_unbounded(p)>(s.f) * kLog10E);
  const float near = multiply_add(s.f, kLog10E, rest);
  return with_special_logs<p>(multiply_add(s.exponent, kLog10Of2, near), x);
}

/// log((high + low) 2^exponent) where high >= 2/3, and low is below its last place: accurate also
/// relative to a result near zero, where high is 1 and low all the rest.
template <Precision p>
inline float log_of_sum(float high, float low, float exponent) {
  const Bits shifted = bits_of(high) - bits_of(2.0f / 3);
  const Bits e = static_cast<Bits>(static_cast<int>(shifted) >> 23);
  const float f = float_of((shifted & 0x7fffffu) + bits_of(2.0f / 3)) - 1.0f;
  const float with_low = multiply_add(low, float_of(kOneBits - (e << 23)), f);
  return multiply_add(static_cast<float>(static_cast<int>(e)) + exponent, kLn2,
                      log_near_one<of_unbounded(p)>(with_low));
}

}  // namespace anymetal::cpu_math
