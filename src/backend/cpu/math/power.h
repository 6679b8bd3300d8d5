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
  const float infinite = x == 0 ? -kInfinity : kInfinity;
  const bool is_regular = bits_of(x) - 1u < 0x7f7fffffu;
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
    return times_power_of_two(polynomial(kExp2, r), bits_of(shifted));
  }
}

template <Precision p>
inline float powr(float x, float y) {
  const float result = power_of_magnitude<p>(magnitude(x), y);
  return x >= 0 ? result : kNan;
}

template <Precision p>
inline float pow(float x, float y) {
  const float a = magnitude(x);
  float result = power_of_magnitude<p>(a, y);
  const bool is_negative = bits_of(x) >> 31 != 0;
  const bool is_whole = __builtin_rintf(y) == y;
  const bool is_odd = is_whole & (__builtin_rintf(y * 0.5f) != y * 0.5f);
  result = choose((a == 1) & (y == y), 1.0f, result);
  result = float_of(bits_of(result) | choose(is_odd, bits_of(x) & kSign, 0u));
  // A negative number has no power that isn't whole; infinity and zero have.
  const bool is_regular = bits_of(a) - 1u < 0x7f7fffffu;
  result = choose(is_negative & !is_whole & is_regular, kNan, result);
  result = x == x ? result : x;
  return choose((y == 0) | (x == 1), 1.0f, result);
}

}  // namespace anymetal::cpu_math
