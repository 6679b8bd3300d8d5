#include "format.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace anymetal::accuracy {
namespace {

constexpr Format kFormats[] = {
    {"float", 32, 24, -149, 128, 0x7f800000},
    {"half", 16, 11, -24, 16, 0x7c00},
    {"bfloat", 16, 8, -133, 128, 0x7f80},
};

uint32_t sign_bit(const Format& format) {
  return uint32_t{1} << (format.bits - 1);
}

// 2^n for all n that occur, by n + kPowerBias.
constexpr int kPowerBias = 400;
long double power_of_two(int n) {
  static const auto table = [] {
    std::array<long double, 2 * kPowerBias + 1> out{};
    int exponent = -kPowerBias;
    for (long double& power : out) power = std::ldexp(1.0L, exponent++);
    return out;
  }();
  const auto at = static_cast<unsigned>(n + kPowerBias);
  return table[at];
}

/// Sign and exponent of x87's format, and its significand: the value is in [1, 2) times 2^exponent.
struct Parts {
  uint64_t significand;
  int exponent;
};
Parts parts(long double value) {
  Parts out{};
  uint16_t top = 0;
  std::memcpy(&out.significand, &value, 8);
  std::memcpy(&top, reinterpret_cast<const char*>(&value) + 8, 2);
  out.exponent = (top & 0x7fff) - 16383;
  return out;
}

}  // namespace

std::span<const Format> formats() {
  return kFormats;
}

const Format* find_format(std::string_view name) {
  const auto* found = std::ranges::find(kFormats, name, &Format::name);
  return found == std::end(kFormats) ? nullptr : found;
}

double decode(const Format& format, uint32_t bits) {
  if (format.bits == 32) return std::bit_cast<float>(bits);
  if (format.precision == 8) return std::bit_cast<float>(bits << 16);
  const uint32_t magnitude = bits & 0x7fff, exponent = magnitude >> 10, fraction = bits & 1023;
  double value = 0;
  if (exponent == 31) {
    value = fraction ? std::numeric_limits<double>::quiet_NaN()
                     : std::numeric_limits<double>::infinity();
  } else if (exponent == 0) {
    value = double(fraction) * 0x1p-24;
  } else {
    value = std::bit_cast<double>(uint64_t(exponent + 1008) << 52 | uint64_t(fraction) << 42);
  }
  return bits & 0x8000 ? -value : value;
}

uint32_t encode(const Format& format, double value) {
  const uint32_t sign = std::signbit(value) ? sign_bit(format) : 0;
  if (std::isnan(value)) return sign | format.infinity | 1u << (format.precision - 2);
  const double magnitude = std::abs(value);
  if (magnitude == 0) return sign;
  if (std::isinf(magnitude)) return sign | format.infinity;
  int exponent = 0;
  std::frexp(magnitude, &exponent);
  const int unit = std::max(exponent - format.precision, format.least_exponent);
  // The default rounding of nearbyint is to nearest even; a carry out of the significand goes into
  // the exponent, as it should.
  const auto units = static_cast<uint64_t>(std::nearbyint(std::ldexp(magnitude, -unit)));
  const auto above = uint64_t(unit - format.least_exponent);
  const uint64_t bits = units + (above << (format.precision - 1));
  return sign | uint32_t(std::min<uint64_t>(bits, format.infinity));
}

int ulp_exponent(const Format& format, int exponent, bool power_of_two) {
  const int capped = std::min(exponent - (power_of_two ? 1 : 0), format.top_exponent);
  return std::max(capped - format.precision, format.least_exponent);
}

Distance distance(const Format& format, uint32_t result, const mpfr_t exact) {
  const double value = decode(format, result);
  constexpr double far = std::numeric_limits<double>::infinity();
  if (mpfr_nan_p(exact) || std::isnan(value)) {
    const bool both = mpfr_nan_p(exact) && std::isnan(value);
    return {both ? 0 : far, both};
  }
  const bool negative = mpfr_signbit(exact) != 0;
  // From here on an exact infinity and whatever rounds to it are one.
  mpfr_t limit;
  mpfr_init2(limit, 64);
  mpfr_set_ui_2exp(limit, (2ul << format.precision) - 1, format.top_exponent - format.precision - 1,
                   MPFR_RNDN);
  const bool overflows = mpfr_inf_p(exact) || mpfr_cmpabs(exact, limit) >= 0;
  mpfr_clear(limit);
  if (std::isinf(value) && overflows) {
    const bool same = std::signbit(value) == negative;
    return {same ? 0 : far, same};
  }
  if (mpfr_inf_p(exact)) return {far, false};
  const double finite =
      std::isinf(value) ? std::copysign(std::ldexp(1.0, format.top_exponent), value) : value;
  mpfr_t difference;
  mpfr_init2(difference, 1200);
  mpfr_sub_d(difference, exact, finite, MPFR_RNDN);
  const bool zero = mpfr_zero_p(exact) != 0;
  int unit = format.least_exponent;
  if (!zero) {
    // A power of two has a significand of one bit.
    unit = ulp_exponent(format, int(mpfr_get_exp(exact)), mpfr_min_prec(exact) == 1);
  }
  mpfr_mul_2si(difference, difference, -unit, MPFR_RNDN);
  const int against_half = mpfr_cmpabs_ui(difference, 0) == 0 ? -1 : [&] {
    mpfr_mul_2ui(difference, difference, 1, MPFR_RNDN);
    const int order = mpfr_cmpabs_ui(difference, 1);
    mpfr_div_2ui(difference, difference, 1, MPFR_RNDN);
    return order;
  }();
  const double ulps = std::abs(mpfr_get_d(difference, MPFR_RNDA));
  mpfr_clear(difference);
  const bool nearest = !std::isinf(value) && !overflows &&
                       (against_half < 0 || (against_half == 0 && (result & 1) == 0));
  return {ulps, nearest};
}

double estimate(const Format& format, double result, long double approximation, bool& settled) {
  settled = false;
  if (std::isnan(result) || std::isnan(approximation)) {
    settled = std::isnan(result) && std::isnan(approximation);
    return 0;
  }
  const bool same_sign = std::signbit(result) == std::signbit(approximation);
  const long double magnitude = std::abs(approximation);
  if (std::isinf(result)) {
    settled = same_sign && magnitude >= power_of_two(format.top_exponent);
    return 0;
  }
  if (std::isinf(magnitude)) return 0;
  const Parts of = parts(approximation);
  if (of.exponent < format.least_exponent - 1) {
    // Zero, or below half of the least denormal.
    settled = result == 0 && same_sign;
    return 0;
  }
  if (of.exponent >= format.top_exponent) return 0;
  const bool is_power = of.significand == uint64_t{1} << 63;
  const int unit = ulp_exponent(format, of.exponent + 1, is_power);
  settled = same_sign || result != 0;
  return double(std::abs(result - approximation) * power_of_two(-unit));
}

}  // namespace anymetal::accuracy
