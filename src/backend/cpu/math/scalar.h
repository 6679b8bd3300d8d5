// What the vector math functions are made of. Everything is scalar and without branches, so that
// the vectoriser can put a vector in the place of each value: a choice is a select, an exponent is
// set by integer arithmetic on bits, and a float becomes an integer by the addition of a number
// whose last place is one. Nothing is contracted that doesn't say `multiply_add`.
#pragma once

namespace anymetal::cpu_math {

using Bits = unsigned int;
static_assert(sizeof(Bits) == 4);

/// What a function is computed for. `half` and `bfloat` take and give floats that are such numbers,
/// or will be rounded to them: polynomials are shorter, and for half no float is denormal.
enum class Precision { precise, fast, half, bfloat };

constexpr bool is_narrow(Precision p) {
  return p == Precision::half || p == Precision::bfloat;
}

/// Fast forms without a bound of their own are held to the precise one's.
constexpr Precision of_unbounded(Precision p) {
  return p == Precision::fast ? Precision::precise : p;
}

inline Bits bits_of(float x) {
  return __builtin_bit_cast(Bits, x);
}
inline float float_of(Bits bits) {
  return __builtin_bit_cast(float, bits);
}

using Wide = unsigned long long;
static_assert(sizeof(Wide) == 8);

inline constexpr Bits kSign = 0x80000000u;
inline constexpr float kInfinity = __builtin_inff();
inline constexpr float kNan = __builtin_nanf("");

inline float multiply_add(float a, float b, float c) {
  return __builtin_fmaf(a, b, c);
}
inline float magnitude(float x) {
  return __builtin_fabsf(x);
}
/// x, with the sign that `bits` has.
inline float with_sign(float x, Bits bits) {
  return float_of((bits_of(x) & ~kSign) | (bits & kSign));
}
/// x, negated if `bits` has a sign.
inline float flip_sign(float x, Bits bits) {
  return float_of(bits_of(x) ^ (bits & kSign));
}

/// Comparisons are of bits where an operand may be a converted half: LLVM would turn a comparison
/// of floats into one of halves, and has no vector instruction for that on most machines.
/// Magnitudes are in the order of their bits, and NaN is above infinity.
inline constexpr Bits kInfinityBits = 0x7f800000u;
inline Bits magnitude_bits(float x) {
  return bits_of(x) & ~kSign;
}
inline bool is_negative(float x) {
  return bits_of(x) >> 31 != 0;
}
template <Precision p>
inline bool is_zero(float x) {
  // The least half is 2^-24.
  return magnitude_bits(x) < (p == Precision::half ? bits_of(0x1p-30f) : 1u);
}
inline bool is_nan(float x) {
  return magnitude_bits(x) > kInfinityBits;
}
inline bool is_positive_and_finite(float x) {
  return bits_of(x) - 1u < kInfinityBits - 1u;
}
/// x > y for a y that is positive.
inline bool is_above(float x, float y) {
  return static_cast<int>(bits_of(x)) > static_cast<int>(bits_of(y));
}

/// Both are computed before one is taken: `?:` may become a branch around what is costly.
inline bool both(bool a, bool b) {
  return a && b;
}
inline bool either(bool a, bool b) {
  return a || b;
}
template <class T>
inline T choose(bool condition, T chosen, T otherwise) {
  return condition ? chosen : otherwise;
}

/// NaN stays NaN in both.
inline float at_most(float limit, float x) {
  return limit < x ? limit : x;
}
inline float at_least(float limit, float x) {
  return limit > x ? limit : x;
}

/// Added to a number below 2^22, this leaves it rounded to an integer in the last bits.
inline constexpr float kRounder = 0x1.8p23f;
/// 2 to these, for exponents of floats.
inline constexpr Bits kOneBits = 0x3f800000u;

/// c[0] + c[1] x + c[2] x^2 + ...
template <unsigned long i = 0, unsigned long count>
inline float polynomial(const float (&c)[count], float x) {
  if constexpr (i + 1 == count) {
    return c[i];
  } else {
    return multiply_add(polynomial<i + 1>(c, x), x, c[i]);
  }
}

/// p 2^n where the last nine bits of `n` hold n: p is near 1 and n within [-250, 250]. Two factors,
/// so that what overflows or is denormal is rounded once, and a NaN stays one.
inline float times_power_of_two(float p, Bits n) {
  const Bits first = n >> 1, second = n - first;
  return p * float_of((first << 23) + kOneBits) * float_of((second << 23) + kOneBits);
}
/// p 2^n with the n that kRounder has left in the last bits of `shifted`, within [-250, 250]. The
/// vectoriser is told what it is, for there may be an instruction (backend/cpu/lower_powers.cc).
inline float times_rounded_power_of_two(float p, float shifted) {
#ifdef ANYMETAL_MATH_IS_BITCODE
  return __builtin_ldexpf(p, static_cast<int>(bits_of(shifted) - bits_of(kRounder)));
#else
  return times_power_of_two(p, bits_of(shifted));
#endif
}
/// The same as times_power_of_two for n within [-126, 127].
inline float times_normal_power_of_two(float p, Bits n) {
  return p * float_of((n << 23) + kOneBits);
}

inline float from_bfloat(__bf16 x) {
  return float_of(Bits(__builtin_bit_cast(unsigned short, x)) << 16);
}
/// To nearest even. In integers: the machine's own instructions flush denormals.
inline __bf16 to_bfloat(float x) {
  const Bits bits = bits_of(x);
  const Bits rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
  const Bits quiet = bits >> 16 | 0x40u;
  const Bits chosen = x == x ? rounded : quiet;
  return __builtin_bit_cast(__bf16, static_cast<unsigned short>(chosen));
}

}  // namespace anymetal::cpu_math
