// Math functions against MPFR, sampled over all binades and at special values.
#include "backend/reference/math_functions.h"

#include <gtest/gtest.h>
#include <mpfr.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <set>
#include <unordered_map>

#include "backend/narrow_floats.h"
#include "builtins/builtins.h"

namespace anymetal::backend::reference {
namespace {

void* function_named(const std::string& name) {
  for (const auto& [known, address] : math_functions()) {
    if (known == name) return address;
  }
  return nullptr;
}

template <class Function>
Function* function_as(const std::string& name) {
  void* address = function_named(name);
  EXPECT_NE(address, nullptr) << name;
  return reinterpret_cast<Function*>(address);
}

// A floating type's bits, and what the tests need to know of it.
struct Float {
  using Value = float;
  using Bits = uint32_t;
  static constexpr const char* suffix = ".f32";
  static constexpr int precision = 24, least_exponent = -149, bits = 32;
  static double value(Bits x) { return std::bit_cast<float>(x); }
};
struct Half {
  using Value = _Float16;
  using Bits = uint16_t;
  static constexpr const char* suffix = ".f16";
  static constexpr int precision = 11, least_exponent = -24, bits = 16;
  static double value(Bits x) { return half_value(x); }
};
// Called as _Float16, which travels in the same register as __bf16: Clang 19 calls a function that
// some machines lack when code passes a __bf16 on.
struct Bfloat {
  using Value = _Float16;
  using Bits = uint16_t;
  static constexpr const char* suffix = ".bf16";
  static constexpr int precision = 8, least_exponent = -133, bits = 16;
  static double value(Bits x) { return bfloat_value(x); }
};

template <class T>
typename T::Value of_bits(typename T::Bits bits) {
  return std::bit_cast<typename T::Value>(bits);
}
template <class T>
double value_of(typename T::Value value) {
  return T::value(std::bit_cast<typename T::Bits>(value));
}

/// The distance of the result from the exact value in units of the last place that the exact value
/// has in T; infinite when one is infinite or NaN and the other isn't.
template <class T>
double error_in_ulps(double result, const mpfr_t exact) {
  if (mpfr_nan_p(exact)) return std::isnan(result) ? 0 : INFINITY;
  if (std::isnan(result)) return INFINITY;
  // What the exact value rounds to decides about overflow.
  const double greatest = T::value(std::is_same_v<T, Float>  ? 0x7f7fffff
                                   : std::is_same_v<T, Half> ? 0x7bff
                                                             : 0x7f7f);
  if (std::isinf(result) || mpfr_inf_p(exact)) {
    const double limit = greatest + std::ldexp(1.0, std::ilogb(greatest) - T::precision);
    const bool overflows = mpfr_cmpabs_ui(exact, 0) > 0 &&
                           (mpfr_cmp_d(exact, limit) >= 0 || mpfr_cmp_d(exact, -limit) <= 0);
    return std::isinf(result) && overflows && std::signbit(result) == (mpfr_signbit(exact) != 0)
               ? 0
               : INFINITY;
  }
  mpfr_t difference;
  mpfr_init2(difference, 200);
  mpfr_sub_d(difference, exact, result, MPFR_RNDN);
  const int exponent = mpfr_zero_p(exact)
                           ? T::least_exponent
                           : std::max<long>(mpfr_get_exp(exact) - T::precision, T::least_exponent);
  const double ulps = std::abs(std::ldexp(mpfr_get_d(difference, MPFR_RNDN), -exponent));
  mpfr_clear(difference);
  return ulps;
}

/// Bit patterns: all for 16 bits, else special values and random ones (uniform over bits, so over
/// binades).
template <class T>
std::vector<typename T::Bits> samples(size_t count, uint64_t seed) {
  std::vector<typename T::Bits> out;
  if (T::bits == 16) {
    for (uint32_t i = 0; i < 65536; ++i) out.push_back(static_cast<typename T::Bits>(i));
    return out;
  }
  for (uint32_t bits :
       {0u, 1u, 0x7fffffu, 0x800000u, 0x3f800000u, 0x3f7fffffu, 0x3f800001u, 0x3f000000u,
        0x7f7fffffu, 0x7f800000u, 0x7fc00000u, 0x7f800001u, 0x42b17218u, 0x42cff1b5u, 0x4b000000u,
        0x49742410u, 0x40490fdbu, 0x3fc90fdbu}) {
    out.push_back(static_cast<typename T::Bits>(bits));
    out.push_back(static_cast<typename T::Bits>(bits | 0x80000000u));
  }
  std::mt19937_64 random(seed);
  while (out.size() < count) out.push_back(static_cast<typename T::Bits>(random()));
  // Near 1 and in the range where most functions are neither 0 nor infinite.
  std::uniform_real_distribution<float> near(-20.0f, 20.0f), unit(-1.0f, 1.0f);
  for (size_t i = 0; i < count / 2; ++i) {
    out.push_back(static_cast<typename T::Bits>(std::bit_cast<uint32_t>(near(random))));
    out.push_back(static_cast<typename T::Bits>(std::bit_cast<uint32_t>(unit(random))));
  }
  return out;
}

using Oracle1 = int (*)(mpfr_t, const mpfr_t, mpfr_rnd_t);
using Oracle2 = int (*)(mpfr_t, const mpfr_t, const mpfr_t, mpfr_rnd_t);

struct Unary {
  const char* name;
  Oracle1 oracle;
};

const Unary kUnary[] = {
    {"exp", mpfr_exp},     {"exp2", mpfr_exp2},      {"exp10", mpfr_exp10}, {"log", mpfr_log},
    {"log2", mpfr_log2},   {"log10", mpfr_log10},    {"sin", mpfr_sin},     {"cos", mpfr_cos},
    {"tan", mpfr_tan},     {"asin", mpfr_asin},      {"acos", mpfr_acos},   {"atan", mpfr_atan},
    {"sinh", mpfr_sinh},   {"cosh", mpfr_cosh},      {"tanh", mpfr_tanh},   {"asinh", mpfr_asinh},
    {"acosh", mpfr_acosh}, {"atanh", mpfr_atanh},    {"sinpi", mpfr_sinpi}, {"cospi", mpfr_cospi},
    {"tanpi", mpfr_tanpi}, {"rsqrt", mpfr_rec_sqrt},
};

/// The greatest error over the samples.
template <class T>
double worst_unary(const Unary& row, const std::string& prefix, size_t count) {
  auto* function =
      function_as<typename T::Value(typename T::Value)>("am." + prefix + row.name + T::suffix);
  if (!function) return INFINITY;
  mpfr_t x, exact;
  mpfr_init2(x, 53);
  mpfr_init2(exact, 120);
  double worst = 0;
  for (auto bits : samples<T>(count, 7)) {
    const double operand = T::value(bits);
    const double result = value_of<T>(function(of_bits<T>(bits)));
    mpfr_set_d(x, operand, MPFR_RNDN);
    row.oracle(exact, x, MPFR_RNDN);
    // MPFR gives 1/sqrt(-0) as +inf; IEEE 754 says -inf, which is what dividing gives.
    if (operand == 0 && mpfr_inf_p(exact)) {
      EXPECT_TRUE(std::isinf(result)) << row.name;
      continue;
    }
    const double error = error_in_ulps<T>(result, exact);
    if (!(error <= 0.51)) {
      ADD_FAILURE() << row.name << T::suffix << "(" << operand << ") = " << result << ", exact "
                    << mpfr_get_d(exact, MPFR_RNDN) << ", " << error << " ulp";
      break;
    }
    worst = std::max(worst, error);
  }
  mpfr_clears(x, exact, static_cast<mpfr_ptr>(nullptr));
  return worst;
}

TEST(MathFunctions, UnaryFloatsAreWithinHalfAnUlp) {
  for (const Unary& row : kUnary) {
    EXPECT_LE(worst_unary<Float>(row, "", 8000), 0.51) << row.name;
    // Which rows have a fast form is for EveryRowHasItsFunctions to say.
    if (!function_named("am.fast_" + std::string(row.name) + ".f32")) continue;
    EXPECT_LE(worst_unary<Float>(row, "fast_", 500), 0.51) << row.name;
  }
}
// All 65,536 values of each: correctly rounded means at most half a unit.
TEST(MathFunctions, UnaryHalvesAreCorrectlyRounded) {
  for (const Unary& row : kUnary) EXPECT_LE(worst_unary<Half>(row, "", 0), 0.5) << row.name;
}
TEST(MathFunctions, UnaryBfloatsAreCorrectlyRounded) {
  for (const Unary& row : kUnary) EXPECT_LE(worst_unary<Bfloat>(row, "", 0), 0.5) << row.name;
}

int powr_oracle(mpfr_t out, const mpfr_t x, const mpfr_t y, mpfr_rnd_t rounding) {
  return mpfr_powr(out, x, y, rounding);
}

template <class T>
void check_binary(const char* name, Oracle2 oracle, size_t count) {
  auto* function = function_as<typename T::Value(typename T::Value, typename T::Value)>(
      "am." + std::string(name) + T::suffix);
  ASSERT_NE(function, nullptr);
  auto xs = samples<T>(count, 11), ys = samples<T>(count, 12);
  std::mt19937 random(5);
  std::shuffle(ys.begin(), ys.end(), random);
  mpfr_t x, y, exact;
  mpfr_inits2(53, x, y, static_cast<mpfr_ptr>(nullptr));
  mpfr_init2(exact, 120);
  for (size_t i = 0; i < xs.size(); ++i) {
    const double a = T::value(xs[i]), b = T::value(ys[i]);
    const double result = value_of<T>(function(of_bits<T>(xs[i]), of_bits<T>(ys[i])));
    mpfr_set_d(x, a, MPFR_RNDN);
    mpfr_set_d(y, b, MPFR_RNDN);
    oracle(exact, x, y, MPFR_RNDN);
    const double error = error_in_ulps<T>(result, exact);
    ASSERT_LE(error, 0.51) << name << T::suffix << "(" << a << ", " << b << ") = " << result
                           << ", exact " << mpfr_get_d(exact, MPFR_RNDN);
  }
  mpfr_clears(x, y, exact, static_cast<mpfr_ptr>(nullptr));
}

TEST(MathFunctions, BinaryFunctionsAreWithinHalfAnUlp) {
  check_binary<Float>("pow", mpfr_pow, 8000);
  check_binary<Half>("pow", mpfr_pow, 0);
  check_binary<Bfloat>("pow", mpfr_pow, 0);
  check_binary<Float>("powr", powr_oracle, 8000);
  check_binary<Half>("powr", powr_oracle, 0);
  check_binary<Float>("atan2", mpfr_atan2, 8000);
  check_binary<Half>("atan2", mpfr_atan2, 0);
  check_binary<Bfloat>("atan2", mpfr_atan2, 0);
  check_binary<Float>("fmod", mpfr_fmod, 8000);
  check_binary<Half>("fmod", mpfr_fmod, 0);
  check_binary<Bfloat>("fmod", mpfr_fmod, 0);
}

TEST(MathFunctions, SignsOfZero) {
  auto* sinpi = function_as<float(float)>("am.sinpi.f32");
  auto* cospi = function_as<float(float)>("am.cospi.f32");
  auto* tanh = function_as<float(float)>("am.tanh.f32");
  EXPECT_TRUE(std::signbit(sinpi(-3.0f)));
  EXPECT_FALSE(std::signbit(sinpi(3.0f)));
  EXPECT_FALSE(std::signbit(cospi(-1.5f)));
  EXPECT_TRUE(std::signbit(tanh(-0.0f)));
}

TEST(MathFunctions, ScalingAndItsParts) {
  auto* ldexp = function_as<float(float, int)>("am.ldexp.f32");
  auto* ldexp16 = function_as<_Float16(_Float16, int)>("am.ldexp.f16");
  auto* fraction = function_as<float(float)>("am.frexp_fraction.f32");
  auto* exponent = function_as<int(float)>("am.frexp_exponent.f32");
  auto* ilogb = function_as<int(float)>("am.ilogb.f32");
  EXPECT_EQ(ldexp(3.0f, 4), 48.0f);
  EXPECT_EQ(ldexp(0x1.000002p0f, -149), 0x1p-149f);
  EXPECT_EQ(ldexp(1.0f, 100000), INFINITY);
  EXPECT_EQ(ldexp(1.0f, -2147483647 - 1), 0.0f);
  EXPECT_EQ(value_of<Half>(ldexp16(of_bits<Half>(0x3c00), -24)), 0x1p-24);
  EXPECT_EQ(value_of<Half>(ldexp16(of_bits<Half>(0x3c01), -25)), 0x1p-24);  // above the tie
  EXPECT_EQ(value_of<Half>(ldexp16(of_bits<Half>(0x3c00), -25)), 0);        // the tie goes to even
  for (auto bits : samples<Float>(5000, 3)) {
    const auto x = std::bit_cast<float>(bits);
    if (!std::isfinite(x)) {
      EXPECT_EQ(exponent(x), 0);
      EXPECT_EQ(ilogb(x), std::numeric_limits<int>::max());
      continue;
    }
    int expected = 0;
    EXPECT_EQ(fraction(x), std::frexp(x, &expected));
    EXPECT_EQ(exponent(x), expected);
    EXPECT_EQ(ilogb(x), x == 0 ? std::numeric_limits<int>::min() : std::ilogb(x));
  }
}

TEST(MathFunctions, NextAfter) {
  auto* next = function_as<float(float, float)>("am.nextafter.f32");
  auto* next16 = function_as<_Float16(_Float16, _Float16)>("am.nextafter.f16");
  std::mt19937 random(9);
  for (int i = 0; i < 8000; ++i) {
    const auto x = std::bit_cast<float>(static_cast<uint32_t>(random())),
               y = std::bit_cast<float>(static_cast<uint32_t>(random()));
    const float expected = std::nextafter(x, y), got = next(x, y);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(got));
    } else {
      EXPECT_EQ(std::bit_cast<uint32_t>(got), std::bit_cast<uint32_t>(expected)) << x << " " << y;
    }
  }
  EXPECT_EQ(next(0.0f, -1.0f), -0x1p-149f);
  EXPECT_EQ(std::bit_cast<uint16_t>(next16(of_bits<Half>(0x7bff), of_bits<Half>(0x7c00))), 0x7c00);
  EXPECT_EQ(std::bit_cast<uint16_t>(next16(of_bits<Half>(0x8001), of_bits<Half>(0x3c00))), 0x8000);
}

TEST(MathFunctions, HighProducts) {
  auto* sign = function_as<int64_t(int64_t, int64_t)>("am.mulhi.i64");
  auto* nosign = function_as<uint64_t(uint64_t, uint64_t)>("am.mulhi.u64");
  std::mt19937_64 random(1);
  for (int i = 0; i < 1000; ++i) {
    const uint64_t a = random(), b = random();
    // Schoolbook on halves of 32 bits: independent of the compiler's 128-bit type.
    const uint64_t al = a & 0xffffffff, ah = a >> 32, bl = b & 0xffffffff, bh = b >> 32;
    const uint64_t middle = ah * bl + ((al * bl) >> 32);
    const uint64_t expected = ah * bh + (middle >> 32) + (((middle & 0xffffffff) + al * bh) >> 32);
    EXPECT_EQ(nosign(a, b), expected);
    const uint64_t correction = (int64_t(a) < 0 ? b : 0) + (int64_t(b) < 0 ? a : 0);
    EXPECT_EQ(uint64_t(sign(int64_t(a), int64_t(b))), expected - correction);
  }
}

TEST(MathFunctions, EveryRowHasItsFunctions) {
  std::set<std::string> wanted, have;
  for (const builtins::Builtin& row : builtins::table()) {
    if (row.group != builtins::Group::math && row.group != builtins::Group::integer) continue;
    for (std::string& name : builtins::ir_names(row)) wanted.insert(std::move(name));
  }
  for (const auto& [name, address] : math_functions())
    EXPECT_TRUE(have.insert(name).second) << name;
  for (const std::string& name : wanted) EXPECT_TRUE(have.contains(name)) << name << " is missing";
  for (const std::string& name : have) EXPECT_TRUE(wanted.contains(name)) << name << " has no row";
}

}  // namespace
}  // namespace anymetal::backend::reference
