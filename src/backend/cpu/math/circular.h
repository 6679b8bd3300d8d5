// sin, cos, tan: x less a multiple of pi (of pi/2 for tan), subtracted in three parts by fused
// operations, of which the first is exact; an odd polynomial; the sign. One polynomial for sine and
// cosine over [-pi/2, pi/2] is shorter than two over half of that and a choice. From 2^17 on x / pi
// comes from integers (M. Payne, R. Hanek, "Radian reduction for trigonometric functions", 1983):
// the one branch, rarely taken.
//
// sinpi, cospi, tanpi reduce exactly.
#pragma once

#include "coefficients.h"
#include "scalar.h"

namespace anymetal::cpu_math {

/// Bits [32 i - 32, 32 i) after the point of 1 / pi.
inline constexpr Bits kInversePi[] = {0,           0x517cc1b7u, 0x27220a94u, 0xfe13abe8u,
                                      0xfa9a6ee0u, 0x6db14accu, 0x9e21c820u, 0xff28b1d5u};

/// kInversePi[i + k] for i in 0 .. 4, without a table in memory.
template <int k>
inline Bits word_of_inverse_pi(Bits i) {
  Bits word = kInversePi[k];
  word = i == 1 ? kInversePi[k + 1] : word;
  word = i == 2 ? kInversePi[k + 2] : word;
  word = i == 3 ? kInversePi[k + 3] : word;
  return i == 4 ? kInversePi[k + 4] : word;
}

/// x / pi modulo 2, in units of 2^-63, for 2^16 <= |x| < inf. The significand times those 96 bits
/// of 1 / pi that matter: what is before them gives multiples of 2, what is after them nothing.
[[gnu::always_inline]] inline Wide turns(float x) {
  const Bits bits = bits_of(x);
  const Bits significand = (bits & 0x7fffffu) | 0x800000u;
  // |x| = significand 2^e; the first bit of the window stands for 2^-e.
  const Bits e = (bits >> 23 & 0xffu) - 150u;
  const Bits start = e + 31u;
  const Bits i = start >> 5, shift = start & 31u;
  const Bits a = word_of_inverse_pi<0>(i), b = word_of_inverse_pi<1>(i),
             c = word_of_inverse_pi<2>(i), d = word_of_inverse_pi<3>(i);
  const Bits high = Bits((Wide(a) << 32 | b) << shift >> 32);
  const Bits middle = Bits((Wide(b) << 32 | c) << shift >> 32);
  const Bits low = Bits((Wide(c) << 32 | d) << shift >> 32);
  const Wide product = (Wide(high * significand) << 32) + Wide(middle) * significand +
                       (Wide(low) * significand >> 32);
  return bits & kSign ? 0 - product : product;
}

inline float turns_to_radians(Wide t, float unit) {
  return static_cast<float>(static_cast<long long>(t)) * unit;
}

template <Precision p>
inline float sine_of_reduced(float r) {
  const float s = r * r;
  // The fast form, too: what Fourier transforms take for their factors shows in each result.
  const float rest = is_narrow(p) ? polynomial(kSinNarrow, s) : polynomial(kSin, s);
  // Not as r + r s rest, which loses the sign of -0.
  return r * multiply_add(s, rest, 1.0f);
}

inline constexpr float kLargeAngle = 0x1p17f;

template <Precision p>
inline bool is_large(float x) {
  return p != Precision::half && magnitude(x) >= kLargeAngle;
}

/// x - h pi. The parts of pi are cut off, not rounded, so that all are positive: zeros keep x's
/// sign.
template <Precision p>
inline float less_turns(float x, float h) {
  float r = multiply_add(h, -0x1.921fb4p+1f, x);
  if constexpr (!is_narrow(p)) {
    r = multiply_add(h, -0x1.4442dp-23f, r);
    r = multiply_add(h, -0x1.84698ap-47f, r);
  } else {
    r = multiply_add(h, -0x1.4442d2p-23f, r);
  }
  return r;
}

template <Precision p>
inline float sin(float x) {
  const float shifted = multiply_add(x, 0x1.45f306p-2f, kRounder);
  float r = less_turns<p>(x, shifted - kRounder);
  Bits q = bits_of(shifted);
  if (__builtin_expect(is_large<p>(x), 0)) {
    const Wide t = turns(x);
    // Infinity less itself is NaN.
    r = turns_to_radians(t << 1, 0x1.921fb6p-63f) + (x - x);
    q = Bits((t + (1ull << 62)) >> 63);
  }
  return flip_sign(sine_of_reduced<p>(r), q << 31);
}

template <Precision p>
inline float cos(float x) {
  const float shifted = multiply_add(x, 0x1.45f306p-2f, -0.5f) + kRounder;
  float r = less_turns<p>(x, (shifted - kRounder) + 0.5f);
  Bits q = bits_of(shifted);
  if (__builtin_expect(is_large<p>(x), 0)) {
    // cos(x) = sin(x + pi / 2) = -sin(x - pi / 2)
    const Wide t = turns(x) - (1ull << 62);
    r = turns_to_radians(t << 1, 0x1.921fb6p-63f) + (x - x);
    q = Bits((t + (1ull << 62)) >> 63);
  }
  return flip_sign(sine_of_reduced<p>(r), ~q << 31);
}

/// The fast form has a bound for all x, as the precise one.
template <Precision p>
inline float tan(float x) {
  const float shifted = multiply_add(x, 0x1.45f306p-1f, kRounder);
  const float h = shifted - kRounder;
  float r = less_turns < p == Precision::fast ? Precision::precise : p > (x, 0.5f * h);
  Bits q = bits_of(shifted);
  if (__builtin_expect(is_large<p>(x), 0)) {
    const Wide t = turns(x);
    r = turns_to_radians(t << 2, 0x1.921fb6p-64f) + (x - x);
    q = Bits((t + (1ull << 61)) >> 62);
  }
  const float s = r * r;
  const float rest = is_narrow(p) ? polynomial(kTanNarrow, s) : polynomial(kTan, s);
  const float tangent = r * multiply_add(s, rest, 1.0f);
  return choose((q & 1u) != 0, -1.0f / tangent, tangent);
}

/// sin(pi r) for r in [-1/2, 1/2].
template <Precision p>
inline float sine_of_half_turns(float r) {
  const float s = r * r;
  return r * (p == Precision::precise ? polynomial(kSinpi, s) : polynomial(kSinpiFast, s));
}

/// The distance of x to the nearest even number, with the sign of the difference.
inline float from_even(float x) {
  return multiply_add(-2.0f, __builtin_rintf(x * 0.5f), x);
}

template <Precision p>
inline float sinpi(float x) {
  const float d = from_even(magnitude(x)), a = magnitude(d);
  const float folded = with_sign(1.0f - a < a ? 1.0f - a : a, bits_of(d));
  // Zeros have the sign of x.
  return flip_sign(sine_of_half_turns<p>(folded) + 0.0f, bits_of(x));
}

template <Precision p>
inline float cospi(float x) {
  return sine_of_half_turns<p>(0.5f - magnitude(from_even(x)));
}

template <Precision p>
inline float tanpi(float x) {
  return sinpi<of_unbounded(p)>(x) / cospi<of_unbounded(p)>(x);
}

}  // namespace anymetal::cpu_math
