// pow, powr: 2^(y log2 x). An error of the logarithm is multiplied by up to 128, so that of the
// precise form is a sum of two floats: with x = 2^e (1 + f), f - f^2 / 2 exactly, the rest, which
// is a twentieth of it at most, as one float, and the products with log2 e and y in two parts. For
// half and bfloat a float has bits to spare.
#pragma once

#include "coefficients.h"
#include "exponential.h"
#include "logarithm.h"
#include "scalar.h"

namespace anymetal::cpu_math {

struct FloatPair {
  float high;
  float low;
};

/// log2 of a positive finite x, to about 2^-29 of it.
inline FloatPair log2_pair(float x) {
  const Split s = split<Precision::precise>(x);
  const float f = s.f;
  const float square = f * f, square_low = multiply_add(f, f, -square);
  const float high = multiply_add(-0.5f, square, f);
  float low = multiply_add(-0.5f, square, f - high);
  low = multiply_add(-0.5f, square_low, low);
  low = multiply_add(square * f, polynomial(kLogTail, f), low);
  constexpr float log2_e = 0x1.715476p+0f, log2_e_low = 0x1.4ae0cp-26f;
  const float product = high * log2_e;
  float product_low = multiply_add(high, log2_e, -product);
  product_low = multiply_add(high, log2_e_low, product_low);
  product_low = multiply_add(low, log2_e, product_low);
  // The exponent is zero or the greater of the two.
  const float sum = s.exponent + product;
  const float rest = (product - (sum - s.exponent)) + product_low;
  const float result = sum + rest;
  return {result, rest - (result - sum)};
}

/// |x|^y for x that isn't NaN; 0^0, inf^0 and 1^inf are NaN.
template <Precision p>
inline float power_of_magnitude(float x, float y) {
  const float infinite = is_zero<p>(x) ? -kInfinity : kInfinity;
  const bool is_regular = is_positive_and_finite(x);
  if constexpr (is_narrow(p)) {
    const Split s = split<p>(x);
    const float log = multiply_add(log_near_one<p>(s.f), kLog2E, s.exponent);
    return narrow_exp2<p>(y * (is_regular ? log : infinite));
  } else if constexpr (p == Precision::fast) {
    const Split s = split<p>(x);
    const float log = multiply_add(log_near_one<p>(s.f), kLog2E, s.exponent);
    return exp2<p>(y * (is_regular ? log : infinite));
  } else {
    const FloatPair log = log2_pair(x);
    float t = y * (is_regular ? log.high : infinite);
    float t_low = multiply_add(y, log.low, multiply_add(y, log.high, -t));
    t_low = magnitude(t) < 256.0f ? t_low : 0.0f;
    t = at_least(-152.0f, at_most(130.0f, t));
    const float shifted = t + kRounder;
    const float r = (t - (shifted - kRounder)) + t_low;
    return times_rounded_power_of_two(polynomial(kExp2, r), shifted);
  }
}

template <Precision p>
inline float powr(float x, float y) {
  const float result = power_of_magnitude<p>(magnitude(x), y);
  return choose(either(is_zero<p>(x), bits_of(x) <= kInfinityBits), result, kNan);
}

template <Precision p>
inline float pow(float x, float y) {
  const float a = magnitude(x);
  float result = power_of_magnitude<p>(a, y);
  const bool is_whole = __builtin_rintf(y) == y;
  const bool is_odd = both(is_whole, __builtin_rintf(y * 0.5f) != y * 0.5f);
  result = choose(both(bits_of(a) == kOneBits, !is_nan(y)), 1.0f, result);
  result = float_of(bits_of(result) | choose(is_odd, bits_of(x) & kSign, 0u));
  // A negative number has no power that isn't whole; infinity and zero have.
  const bool has_none = both(both(is_negative(x), !is_whole), is_positive_and_finite(a));
  result = choose(either(has_none, is_nan(x)), kNan, result);
  return choose(either(is_zero<p>(y), bits_of(x) == kOneBits), 1.0f, result);
}

}  // namespace anymetal::cpu_math
