// What has no error, or one rounding: rsqrt, fmod, ldexp, frexp, ilogb, nextafter, mulhi.
#pragma once

#include "scalar.h"

namespace anymetal::cpu_math {

template <Precision p>
inline float rsqrt(float x) {
  const float root = __builtin_sqrtf(x), near = 1.0f / root;
  if constexpr (p != Precision::precise) return near;
  // x near^2 = 1 - e, exactly but for the last of 48 bits; near (1 + e / 2 + 3 e^2 / 8) is rounded
  // once. Checked for each significand.
  const float product = x * near, product_low = multiply_add(x, near, -product);
  const float e = multiply_add(-product_low, near, multiply_add(-product, near, 1.0f));
  const float better = multiply_add(near * e, multiply_add(e, 0.375f, 0.5f), near);
  // Of zero, infinity and NaN there is no e.
  return e == e ? better : near;
}

/// x less a whole multiple of y, by one quotient below 2^50: exact, since it can be represented.
/// The quotient may have been rounded up to the next integer.
inline double remainder_step(double x, double y) {
  const double rest = __builtin_fma(-__builtin_trunc(x / y), y, x);
  return choose(rest < 0, rest + y, rest);
}
inline float remainder_step(float x, float y) {
  const float rest = multiply_add(-__builtin_truncf(x / y), y, x);
  return choose(rest < 0, rest + y, rest);
}

/// For quotients up to 2^277: from 2^250 y down.
[[gnu::always_inline]] inline float remainder_of_far(float x, float y) {
  double rest = x;
  rest = remainder_step(rest, y * 0x1p240);
  rest = remainder_step(rest, y * 0x1p192);
  rest = remainder_step(rest, y * 0x1p144);
  rest = remainder_step(rest, y * 0x1p96);
  rest = remainder_step(rest, y * 0x1p48);
  return static_cast<float>(remainder_step(rest, static_cast<double>(y)));
}

/// Whether the quotient of two magnitudes takes more than one step.
inline bool is_far(float a, float b) {
  return both(a >= b * 0x1p23f, a < kInfinity);
}

template <Precision p>
inline float fmod(float x, float y) {
  const float a = magnitude(x), b = magnitude(y);
  float rest;
  if constexpr (p == Precision::half) {
    // Quotients are below 2^40, and all is normal in float.
    rest = remainder_step(remainder_step(a, b * 0x1p20f), b);
  } else {
    rest = remainder_step(a, b);
    if (__builtin_expect(is_far(a, b), 0)) rest = remainder_of_far(a, b);
  }
  rest = choose(is_above(b, a), a, rest);
  const float special = choose(both(is_above(kInfinity, a), !is_zero<p>(b)), rest, kNan);
  return with_sign(choose(is_nan(b), b, special), bits_of(x));
}

/// x 2^k for a k that a product of two doubles can take, rounded once.
inline float scale(float x, int k) {
  k = k < -300 ? -300 : k > 300 ? 300 : k;
  const Wide power = Wide(unsigned(k + 1023)) << 52;
  return static_cast<float>(static_cast<double>(x) * __builtin_bit_cast(double, power));
}
inline float scale_half(float x, int k) {
  k = k < -60 ? -60 : k > 60 ? 60 : k;
  return x * float_of((Bits(k) << 23) + kOneBits);
}

struct Normal {
  Bits bits;     ///< of |x|, as if no number were denormal
  int exponent;  ///< the biased one
};

inline Normal normalized(float x) {
  const float a = magnitude(x);
  const bool is_denormal = bits_of(a) < bits_of(0x1p-126f);
  const Bits bits = bits_of(choose(is_denormal, a * 0x1p24f, a));
  return {bits, static_cast<int>(bits >> 23) - choose(is_denormal, 24, 0)};
}
inline bool is_finite_and_not_zero(float x) {
  return is_positive_and_finite(magnitude(x));
}

inline float frexp_fraction(float x) {
  const float fraction = float_of((normalized(x).bits & 0x7fffffu) | bits_of(0.5f));
  return choose(is_finite_and_not_zero(x), with_sign(fraction, bits_of(x)), x);
}
template <Precision p>
inline int frexp_exponent(float x) {
  return choose(is_finite_and_not_zero(x), normalized(x).exponent - 126, 0);
}
template <Precision p>
inline int ilogb(float x) {
  const int special = is_zero<p>(x) ? -0x7fffffff - 1 : 0x7fffffff;
  return choose(is_finite_and_not_zero(x), normalized(x).exponent - 127, special);
}

/// The pattern next to `bits` towards `to`: those of one sign are ordered as the numbers are.
/// `infinity` is that of the format.
template <class Pattern>
inline Pattern next_pattern(Pattern bits, Pattern to, Pattern infinity) {
  constexpr Pattern sign = Pattern(Pattern(1) << (sizeof(Pattern) * 8 - 1));
  const Pattern magnitude = Pattern(bits & ~sign), magnitude_to = Pattern(to & ~sign);
  const bool are_equal = either(bits == to, (magnitude | magnitude_to) == 0);
  const bool same_sign = ((bits ^ to) & sign) == 0;
  const bool grows = both(same_sign, magnitude_to > magnitude);
  const Pattern next = choose(magnitude == 0, Pattern((to & sign) | 1u),
                              Pattern(choose(grows, bits + 1u, bits - 1u)));
  const Pattern moved = choose(are_equal, to, next);
  return choose(magnitude > infinity, bits, choose(magnitude_to > infinity, to, moved));
}

/// Of 32-bit parts, for which there are vector instructions.
inline Wide high_product(Wide x, Wide y) {
  const Wide x_low = Bits(x), x_high = x >> 32, y_low = Bits(y), y_high = y >> 32;
  const Wide middle = x_high * y_low + (x_low * y_low >> 32);
  const Wide other = x_low * y_high + Bits(middle);
  return x_high * y_high + (middle >> 32) + (other >> 32);
}
inline long long high_product(long long x, long long y) {
  // A negative operand counts as itself and 2^64.
  const Wide unsigned_product = high_product(Wide(x), Wide(y));
  return static_cast<long long>(unsigned_product - (x < 0 ? Wide(y) : 0) - (y < 0 ? Wide(x) : 0));
}

}  // namespace anymetal::cpu_math
