// half and bfloat by their bits: conversions that need neither instructions nor runtime libraries
// that some machines lack.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace anymetal::backend {

/// Rounds to nearest even; kExponent and kMantissa are the target's numbers of bits.
template <int kExponent, int kMantissa>
constexpr uint16_t narrow(double value) {
  const auto bits = std::bit_cast<uint64_t>(value);
  const auto sign = uint16_t(bits >> 63 << (kExponent + kMantissa));
  const int exponent = int(bits >> 52 & 0x7ff);
  const uint64_t fraction = bits & ((uint64_t{1} << 52) - 1);
  constexpr uint64_t infinity = ((uint64_t{1} << kExponent) - 1) << kMantissa;
  if (exponent == 0x7ff) {
    const uint64_t quiet = uint64_t{1} << (kMantissa - 1);
    return uint16_t(sign | infinity | (fraction ? quiet | fraction >> (52 - kMantissa) : 0));
  }
  if (exponent == 0)
    return sign;  // zero, and doubles that are far below the least value of either type
  int biased = exponent - 1023 + (1 << (kExponent - 1)) - 1;
  int shift = 52 - kMantissa;
  if (biased <= 0) {
    shift += 1 - biased;
    biased = 0;
  }
  if (shift > 53) return sign;
  const uint64_t full = fraction | uint64_t{1} << 52;
  const uint64_t rest = full & ((uint64_t{1} << shift) - 1);
  const uint64_t half = uint64_t{1} << (shift - 1);
  uint64_t kept = full >> shift;
  if (rest > half || (rest == half && (kept & 1))) ++kept;
  // A carry out of the fraction goes into the exponent, as it should.
  if (biased > 0) kept += (uint64_t(biased) - 1) << kMantissa;
  return uint16_t(sign | (kept < infinity ? kept : infinity));
}

constexpr uint16_t half_bits(double value) {
  return narrow<5, 10>(value);
}
constexpr uint16_t bfloat_bits(double value) {
  return narrow<8, 7>(value);
}

inline float half_value(uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const int fraction = bits & 1023;
  float magnitude = 0;
  if (exponent == 31) {
    magnitude = std::bit_cast<float>(0x7f800000u | uint32_t(fraction) << 13);
  } else if (exponent == 0) {
    magnitude = float(fraction) * 0x1p-24f;
  } else {
    magnitude = std::bit_cast<float>(uint32_t(exponent + 112) << 23 | uint32_t(fraction) << 13);
  }
  return bits & 0x8000 ? -magnitude : magnitude;
}

inline float bfloat_value(uint16_t bits) {
  return std::bit_cast<float>(uint32_t(bits) << 16);
}

}  // namespace anymetal::backend
