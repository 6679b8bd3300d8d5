// asin, acos, atan, atan2. atan by the quotient of the smaller and the greater, so that one
// division serves all; asin and acos by the half-angle formula where |x| > 1/2.
#pragma once

#include "coefficients.h"
#include "scalar.h"

namespace anymetal::cpu_math {

inline constexpr float kPi = 0x1.921fb6p+1f, kHalfPi = 0x1.921fb6p+0f;

/// t in [0, 1]
template <Precision p>
inline float arc_of_quotient(float t) {
  const float s = t * t;
  const float rest = is_narrow(p)           ? polynomial(kAtanNarrow, s)
                     : p == Precision::fast ? polynomial(kAtanFast, s)
                                            : polynomial(kAtan, s);
  return multiply_add(t * s, rest, t);
}

template <Precision p>
inline float atan(float x) {
  const float a = magnitude(x);
  const bool is_steep = is_above(a, 1.0f);
  const float arc = arc_of_quotient<p>(choose(is_steep, 1.0f / a, a));
  return with_sign(choose(is_steep, kHalfPi - arc, arc), bits_of(x));
}

template <Precision p>
inline float atan2(float y, float x) {
  const float ax = magnitude(x), ay = magnitude(y);
  const bool is_steep = is_above(ay, ax);
  const float least = is_steep ? ax : ay, greatest = is_steep ? ay : ax;
  // Two zeros give 0, two infinities 1.
  const float of_equals = is_zero<p>(greatest) ? 0.0f : 1.0f;
  const bool are_equal = both(bits_of(least) == bits_of(greatest), !is_nan(greatest));
  const float arc = arc_of_quotient<p>(choose(are_equal, of_equals, least / greatest));
  const float from_axis = choose(is_steep, kHalfPi - arc, arc);
  return with_sign(choose(is_negative(x), kPi - from_axis, from_axis), bits_of(y));
}

struct Arc {
  bool is_far;  ///< |x| > 1/2: `sine` is of half the angle from 1
  float angle;  ///< of asin, in [0, pi / 6]
};

template <Precision p>
inline Arc arc_of_sine(float x) {
  const float a = magnitude(x);
  const bool is_far = is_above(a, 0.5f);
  // Beyond 1 the root is NaN.
  const float s = choose(is_far, multiply_add(a, -0.5f, 0.5f), a * a);
  const float t = choose(is_far, __builtin_sqrtf(s), a);
  const float rest = is_narrow(p)           ? polynomial(kAsinNarrow, s)
                     : p == Precision::fast ? polynomial(kAsinFast, s)
                                            : polynomial(kAsin, s);
  return {is_far, multiply_add(t * s, rest, t)};
}

template <Precision p>
inline float asin(float x) {
  const Arc arc = arc_of_sine<p>(x);
  return with_sign(choose(arc.is_far, multiply_add(-2.0f, arc.angle, kHalfPi), arc.angle),
                   bits_of(x));
}

template <Precision p>
inline float acos(float x) {
  const Arc arc = arc_of_sine<p>(x);
  const float twice = 2.0f * arc.angle;
  const float far = choose(is_negative(x), kPi - twice, twice);
  const float near = kHalfPi - with_sign(arc.angle, bits_of(x));
  return choose(arc.is_far, far, near);
}

}  // namespace anymetal::cpu_math
