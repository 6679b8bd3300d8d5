// Metal's three floating types by their bits, and distances in units of the last place.
#pragma once

#include <mpfr.h>

#include <cstdint>
#include <span>
#include <string_view>

namespace anymetal::accuracy {

struct Format {
  std::string_view name;  ///< "float": also its name in Metal
  int bits;               ///< of storage
  int precision;          ///< bits of the significand, the hidden one included
  int least_exponent;     ///< the least denormal is 2^least_exponent
  int top_exponent;       ///< all finite values are below 2^top_exponent
  uint32_t infinity;      ///< its bits
};

/// float, half, bfloat.
[[nodiscard]] std::span<const Format> formats();
[[nodiscard]] const Format* find_format(std::string_view name);

/// The value of a bit pattern. Every value of the three types is a double.
[[nodiscard]] double decode(const Format& format, uint32_t bits);

/// The nearest value, ties to even; overflows to infinity.
[[nodiscard]] uint32_t encode(const Format& format, double value);

/// A result compared with the exact value.
struct Distance {
  double ulps = 0;       ///< infinite where one is a number and the other isn't
  bool nearest = false;  ///< the result is the exact value rounded to nearest, ties to even
};

/// The exponent of the unit of the last place of a value with this exponent (mpfr_get_exp's or
/// frexp's: the value is in [1/2, 1) times 2^exponent). As the specification defines it (8.4): the
/// distance of the two neighbours of the value; where it is one itself, a power of two has its
/// lower neighbour's unit.
[[nodiscard]] int ulp_exponent(const Format& format, int exponent, bool power_of_two);

/// Exact, for results anywhere. An infinite result counts as 2^top_exponent unless the exact value
/// rounds to it.
[[nodiscard]] Distance distance(const Format& format, uint32_t result, const mpfr_t exact);

/// The same from an approximation of the exact value with a relative error below 2^-60: good for
/// all but decisions about ties. Sets `settled` only where nothing but the approximation's error is
/// in doubt, and that is small: both finite, or both beyond the same limit.
[[nodiscard]] double estimate(const Format& format, double result, long double approximation,
                              bool& settled);

}  // namespace anymetal::accuracy
