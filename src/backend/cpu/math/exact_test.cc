// rsqrt is correctly rounded: for every significand, by exact integer arithmetic. The exponents are
// measured in bench/accuracy. And the upper halves of products, against the host's 128 bits.
#include "backend/cpu/math/exact.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace anymetal::cpu_math {
namespace {

/// Whether 1 / sqrt(x) > m, for x in [1, 4) and m in (1/2, 1] of 26 bits at most.
bool is_above(float x, double m) {
  using Integer = unsigned __int128;
  const auto whole_x = Integer(std::ldexp(double(x), 23)), whole_m = Integer(std::ldexp(m, 26));
  return whole_x * whole_m * whole_m < Integer(1) << (23 + 52);
}

TEST(Rsqrt, IsCorrectlyRoundedForEverySignificand) {
  for (Bits bits = bits_of(1.0f); bits < bits_of(4.0f); ++bits) {
    const float x = float_of(bits), result = rsqrt<Precision::precise>(x);
    const double below = (double(result) + double(std::nextafter(result, 0.0f))) / 2;
    const double above = (double(result) + double(std::nextafter(result, 2.0f))) / 2;
    ASSERT_TRUE(is_above(x, below) && !is_above(x, above)) << x << " gives " << result;
  }
}

TEST(HighProduct, IsTheUpperHalf) {
  std::vector<Wide> values = {0,
                              1,
                              2,
                              0xffffffffull,
                              1ull << 32,
                              (1ull << 32) + 1,
                              1ull << 63,
                              (1ull << 63) - 1,
                              ~0ull,
                              ~0ull - 1,
                              0xffffffff00000000ull};
  std::mt19937_64 random(1);
  for (int i = 0; i < 500; ++i) values.push_back(random() >> (random() % 64));
  for (const Wide x : values) {
    for (const Wide y : values) {
      ASSERT_EQ(high_product(x, y), Wide((unsigned __int128)(x)*y >> 64)) << x << " * " << y;
      using Signed = long long;
      ASSERT_EQ(high_product(Signed(x), Signed(y)), Signed(__int128(Signed(x)) * Signed(y) >> 64))
          << x << " * " << y;
    }
  }
}

}  // namespace
}  // namespace anymetal::cpu_math
