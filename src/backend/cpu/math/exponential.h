// exp, exp2, exp10: x = n c + r with c the logarithm of 2 to the function's base and |r| <= c / 2;
// a polynomial of r times 2^n. For half and bfloat exp(x) is 2^(x log2 e): the product's rounding
// is lost in theirs.
#pragma once

#include "coefficients.h"
#include "scalar.h"

namespace anymetal::cpu_math {

/// 2^t for half and bfloat; t beyond the limits overflows and vanishes.
template <Precision p>
inline float narrow_exp2(float t) {
  constexpr bool is_half = p == Precision::half;
  t = at_least(is_half ? -30.0f : -151.0f, at_most(is_half ? 20.0f : 129.0f, t));
  const float shifted = t + kRounder;
  const float power = polynomial(kExp2Narrow, t - (shifted - kRounder));
  return is_half ? times_normal_power_of_two(power, bits_of(shifted))
                 : times_rounded_power_of_two(power, shifted);
}

template <Precision p>
inline float exp(float x) {
  if constexpr (is_narrow(p)) return narrow_exp2<p>(x * 0x1.715476p+0f);
  x = at_least(-104.0f, at_most(89.0f, x));
  const float shifted = multiply_add(x, 0x1.715476p+0f, kRounder);
  const float n = shifted - kRounder;
  float r = multiply_add(n, -0x1.62e43p-1f, x);
  r = multiply_add(n, 0x1.05c61p-29f, r);
  const float power = p == Precision::fast ? polynomial(kExpFast, r) : polynomial(kExp, r);
  return times_rounded_power_of_two(power, shifted);
}

template <Precision p>
inline float exp2(float x) {
  if constexpr (is_narrow(p)) return narrow_exp2<p>(x);
  x = at_least(-151.0f, at_most(129.0f, x));
  const float shifted = x + kRounder;
  const float r = x - (shifted - kRounder);
  const float power = p == Precision::fast ? polynomial(kExp2Fast, r) : polynomial(kExp2, r);
  return times_rounded_power_of_two(power, shifted);
}

template <Precision p>
inline float exp10(float x) {
  if constexpr (is_narrow(p)) return narrow_exp2<p>(x * 0x1.a934fp+1f);
  x = at_least(-46.0f, at_most(39.0f, x));
  const float shifted = multiply_add(x, 0x1.a934fp+1f, kRounder);
  const float n = shifted - kRounder;
  float r = multiply_add(n, -0x1.344136p-2f, x);
  r = multiply_add(n, 0x1.ec10cp-27f, r);
  const float power = p == Precision::fast ? polynomial(kExp10Fast, r) : polynomial(kExp10, r);
  return times_rounded_power_of_two(power, shifted);
}

}  // namespace anymetal::cpu_math
