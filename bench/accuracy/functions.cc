// The rows. A function's exact value comes from MPFR; its approximation from glibc's long double
// functions, which on x86 have a significand of 64 bits and errors of about one unit of that: a
// relative error of 2^-62, while the results that they judge have 24 bits. They share no code with
// the double functions that the reference executor calls. The measurement compares them with MPFR
// as it goes (measure.cc).
#include "functions.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace anymetal::accuracy {
namespace {

constexpr double kAnything = std::numeric_limits<double>::infinity();
constexpr long double kPi = 3.14159265358979323846264338327950288L;

constexpr Bound nearest(std::string_view text = "correctly rounded") {
  return {Bound::Kind::nearest, 0.5, text, nullptr};
}
constexpr Bound kExact = nearest("0 ulp");
constexpr Bound kNearest = nearest();
constexpr Bound ulps(double limit, std::string_view text) {
  return {Bound::Kind::ulps, limit, text, nullptr};
}
constexpr Bound by_input(std::string_view text, double (*limit)(double, double, double)) {
  return {Bound::Kind::input, 0, text, limit};
}
/// Where the specification gives a formula or nothing, the precise form's bound is kept.
constexpr Bound unstated(double limit, std::string_view text) {
  return {Bound::Kind::unstated, limit, text, nullptr};
}
constexpr Bound k1 = ulps(1, "1"), k4 = ulps(4, "4"), k5 = ulps(5, "5"), k6 = ulps(6, "6"),
                k16 = ulps(16, "16");
constexpr Bound kNone = unstated(1, "none stated");

bool in_reciprocal_domain(double x) {
  return std::abs(x) >= 0x1p-126 && std::abs(x) <= 0x1p126;
}
constexpr Bound kFastReciprocal =
    by_input("1 for x in [2^-126, 2^126]",
             [](double x, double, double) { return in_reciprocal_domain(x) ? 1.0 : kAnything; });
constexpr Bound kFastQuotient =
    by_input("2.5 for y in [2^-126, 2^126]",
             [](double, double y, double) { return in_reciprocal_domain(y) ? 2.5 : kAnything; });
constexpr Bound kBfloatReciprocal =
    by_input("0.6 for x in [2^-126, 2^126]",
             [](double x, double, double) { return in_reciprocal_domain(x) ? 0.6 : kAnything; });
constexpr Bound kBfloatQuotient =
    by_input("0.6 for y in [2^-126, 2^126]",
             [](double, double y, double) { return in_reciprocal_domain(y) ? 0.6 : kAnything; });
constexpr Bound kFastExponential = by_input("3 + floor(abs(2 x))", [](double x, double, double) {
  return 3 + std::floor(std::abs(2 * x));
});
constexpr Bound kFastSine =
    by_input("2^-13 absolute for x in [-pi, pi]", [](double x, double, double ulp) {
      return std::abs(x) <= double(kPi) ? 0x1p-13 / ulp : kAnything;
    });
constexpr Bound kFastHalfTurns = by_input(
    "2^-13 absolute for x in [-1, 1]",
    [](double x, double, double ulp) { return std::abs(x) <= 1 ? 0x1p-13 / ulp : kAnything; });
constexpr Bound kFastLog =
    by_input("2^-21 absolute for x in [0.5, 2], else 3", [](double x, double, double ulp) {
      return x >= 0.5 && x <= 2 ? std::max(0x1p-21 / ulp, 0.5) : 3;
    });
constexpr Bound kFastLog2 =
    by_input("2^-22 absolute for x in [0.5, 2], else 2", [](double x, double, double ulp) {
      return x >= 0.5 && x <= 2 ? std::max(0x1p-22 / ulp, 0.5) : 2;
    });
constexpr Bound kFastAsin =
    by_input("5 for x in [-1, 1], abs(x) >= 2^-125",
             [](double x, double, double) { return std::abs(x) >= 0x1p-125 ? 5 : kAnything; });

/// What exp2(y log2(x)) loses with the bounds of table 8.2 for its three operations.
constexpr Bound kFastPower = by_input("as exp2(y log2(x))", [](double x, double y, double) {
  const double log = std::log2(std::abs(x)), t = std::abs(y * log);
  const double of_log =
      x >= 0.5 && x <= 2 ? 0x1p-22 : 2 * std::exp2(std::floor(std::log2(std::abs(log))) - 23);
  return (std::abs(y) * of_log + 0x1p-24 * t) * std::numbers::ln2 * 0x1p24 + 3 + std::floor(2 * t);
});

bool unit_interval(double x, double) {
  return std::abs(x) <= 1;
}
bool positive(double x, double) {
  return x > 0;
}
bool not_both_zero(double x, double y) {
  return x >= 0 && (x != 0 || y != 0);
}
bool both_nonzero(double x, double y) {
  return x != 0 && y != 0;
}
bool finite_nonzero(double x, double) {
  return std::isfinite(x) && x != 0;
}

// MPFR's and libm's functions in the form of the table.
#define ANYMETAL_EXACT1(call) \
  [](const Format&, mpfr_t out, const mpfr_t x, const mpfr_t, const mpfr_t) { call; }
#define ANYMETAL_EXACT2(call) \
  [](const Format&, mpfr_t out, const mpfr_t x, const mpfr_t y, const mpfr_t) { call; }
#define ANYMETAL_EXACT3(call) \
  [](const Format&, mpfr_t out, const mpfr_t x, const mpfr_t y, const mpfr_t z) { call; }
#define ANYMETAL_NEAR(...)                                                          \
  [](const Format&, [[maybe_unused]] long double x, [[maybe_unused]] long double y, \
     [[maybe_unused]] long double z) -> long double { return __VA_ARGS__; }

// Outside domains and ranges glibc's functions save and restore the floating-point environment,
// which takes ten times longer than all else; so they aren't asked there.
constexpr long double kNan = std::numeric_limits<long double>::quiet_NaN();
constexpr long double kInfinity = std::numeric_limits<long double>::infinity();

template <long double (*function)(long double)>
long double within(bool domain, long double x) {
  return domain ? function(x) : kNan;
}
/// Of what grows as exp does: 2^16384 isn't reached before `range`, and nothing is missed beyond.
template <long double (*function)(long double)>
long double growing(long double range, long double x) {
  return x > range ? kInfinity : function(x);
}
/// The same for what vanishes on the other side.
template <long double (*function)(long double)>
long double exponential(long double range, long double x) {
  return x < -range ? 0 : growing<function>(range, x);
}

template <class T>
T sine_of_half_turns(T x) {
  const T turned = std::remainder(x, T(2)), distance = std::abs(turned);
  if (distance == 0 || distance == 1) return std::copysign(T(0), x);
  return std::copysign(std::sin(T(kPi) * (distance <= T(0.5) ? distance : 1 - distance)), turned);
}
template <class T>
T cosine_of_half_turns(T x) {
  const T distance = std::abs(std::remainder(x, T(2)));
  if (distance == T(0.5)) return 0;
  return distance < T(0.25) ? std::cos(T(kPi) * distance) : std::sin(T(kPi) * (T(0.5) - distance));
}

/// 1/sqrt(-0) is -inf by IEEE 754; MPFR says +inf.
void exact_rsqrt(mpfr_t out, const mpfr_t x) {
  if (mpfr_zero_p(x)) {
    mpfr_set_inf(out, mpfr_signbit(x) ? -1 : 1);
  } else {
    mpfr_rec_sqrt(out, x, MPFR_RNDN);
  }
}

/// powr(x, NaN) is NaN for every x >= 0 by IEEE 754 (9.2.1); MPFR 4.2 gives 1 for x = 1.
void exact_powr(mpfr_t out, const mpfr_t x, const mpfr_t y) {
  if (mpfr_nan_p(y)) {
    mpfr_set_nan(out);
  } else {
    mpfr_powr(out, x, y, MPFR_RNDN);
  }
}

/// min(x - floor(x), the greatest value below 1), and 0 for infinities.
void exact_fract(const Format& format, mpfr_t out, const mpfr_t x) {
  if (mpfr_inf_p(x)) {
    mpfr_set_zero(out, 1);
    return;
  }
  mpfr_t below_one;
  mpfr_init2(below_one, 64);
  mpfr_set_ui_2exp(below_one, (1ul << format.precision) - 1, -format.precision, MPFR_RNDN);
  mpfr_floor(out, x);
  mpfr_sub(out, x, out, MPFR_RNDN);
  if (!mpfr_nan_p(out)) mpfr_min(out, out, below_one, MPFR_RNDN);
  mpfr_clear(below_one);
}
long double near_fract(const Format& format, long double x) {
  if (std::isinf(x)) return 0;
  const long double below_one = 1 - std::ldexp(1.0L, -format.precision);
  return std::min(x - std::floor(x), below_one);
}

/// On the bits: patterns of one sign are ordered as the values are.
double next_towards(const Format& format, double x, double y) {
  if (std::isnan(x) || std::isnan(y)) return std::numeric_limits<double>::quiet_NaN();
  if (x == y) return y;
  const uint32_t sign = uint32_t{1} << (format.bits - 1), bits = encode(format, x);
  if (x == 0) return decode(format, (y < 0 ? sign : 0) | 1);
  return decode(format, (y > x) == (x > 0) ? bits + 1 : bits - 1);
}

void exact_frexp(mpfr_t fraction, mpfr_exp_t& exponent, const mpfr_t x) {
  exponent = 0;
  mpfr_frexp(&exponent, fraction, x, MPFR_RNDN);
  if (!mpfr_regular_p(x)) exponent = 0;
}
int exponent_of(long double x) {
  int exponent = 0;
  if (std::isfinite(x)) std::frexp(x, &exponent);
  return exponent;
}

// name, arity, statement, precise, fast, half, bfloat, bfloat fast, exact, approximate, ...
const Function kRows[] = {
    {"x + y", 2, "r = x + y;", kNearest, kNearest, kNearest, kNearest, kNearest,
     ANYMETAL_EXACT2(mpfr_add(out, x, y, MPFR_RNDN)), ANYMETAL_NEAR(x + y)},
    {"x - y", 2, "r = x - y;", kNearest, kNearest, kNearest, kNearest, kNearest,
     ANYMETAL_EXACT2(mpfr_sub(out, x, y, MPFR_RNDN)), ANYMETAL_NEAR(x - y)},
    {"x * y", 2, "r = x * y;", kNearest, kNearest, kNearest, kNearest, kNearest,
     ANYMETAL_EXACT2(mpfr_mul(out, x, y, MPFR_RNDN)), ANYMETAL_NEAR(x* y)},
    {"1.0 / x", 1, "r = T(1) / x;", kNearest, kFastReciprocal, kNearest, kNearest,
     kBfloatReciprocal, ANYMETAL_EXACT1(mpfr_ui_div(out, 1, x, MPFR_RNDN)), ANYMETAL_NEAR(1 / x)},
    {"x / y", 2, "r = x / y;", kNearest, kFastQuotient, kNearest, kNearest, kBfloatQuotient,
     ANYMETAL_EXACT2(mpfr_div(out, x, y, MPFR_RNDN)), ANYMETAL_NEAR(x / y)},
    {"divide", 2, "r = @divide(x, y);", kNearest, kFastQuotient, kNearest, kNearest,
     kBfloatQuotient, ANYMETAL_EXACT2(mpfr_div(out, x, y, MPFR_RNDN)), ANYMETAL_NEAR(x / y)},
    {"acos", 1, "r = @acos(x);", k4, k5, k1, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_acos(out, x, MPFR_RNDN)),
     ANYMETAL_NEAR(within<acosl>(std::abs(x) <= 1, x)), unit_interval},
    {"acosh", 1, "r = @acosh(x);", k4, unstated(4, "as log(x + sqrt(x x - 1))"), k1, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_acosh(out, x, MPFR_RNDN)), ANYMETAL_NEAR(within<acoshl>(x >= 1, x)),
     [](double x, double) { return x >= 1; }},
    {"asin", 1, "r = @asin(x);", k4, kFastAsin, k1, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_asin(out, x, MPFR_RNDN)),
     ANYMETAL_NEAR(within<asinl>(std::abs(x) <= 1, x)), unit_interval},
    {"asinh", 1, "r = @asinh(x);", k4, unstated(4, "as log(x + sqrt(x x + 1))"), k1, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_asinh(out, x, MPFR_RNDN)), ANYMETAL_NEAR(std::asinh(x))},
    {"atan", 1, "r = @atan(x);", k5, k5, k1, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_atan(out, x, MPFR_RNDN)), ANYMETAL_NEAR(std::atan(x))},
    {"atan2", 2, "r = @atan2(x, y);", k6, unstated(6, "as atan(y / x), with pi"), k1, kNone, kNone,
     ANYMETAL_EXACT2(mpfr_atan2(out, x, y, MPFR_RNDN)), ANYMETAL_NEAR(std::atan2(x, y)),
     both_nonzero},
    {"atanh", 1, "r = @atanh(x);", k5, unstated(5, "as log((1 + x) / (1 - x)) / 2"), k1, kNone,
     kNone, ANYMETAL_EXACT1(mpfr_atanh(out, x, MPFR_RNDN)),
     ANYMETAL_NEAR(within<atanhl>(std::abs(x) <= 1, x)),
     [](double x, double) { return std::abs(x) < 1; }},
    {"ceil", 1, "r = @ceil(x);", kNearest, kNearest, kNearest, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_ceil(out, x)), ANYMETAL_NEAR(std::ceil(x))},
    {"copysign", 2, "r = @copysign(x, y);", kExact, kExact, kExact, kNone, kNone,
     ANYMETAL_EXACT2(mpfr_copysign(out, x, y, MPFR_RNDN)), ANYMETAL_NEAR(std::copysign(x, y))},
    {"cos", 1, "r = @cos(x);", k4, kFastSine, k1, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_cos(out, x, MPFR_RNDN)), ANYMETAL_NEAR(std::cos(x))},
    {"cosh", 1, "r = @cosh(x);", k4, unstated(4, "as (exp(x) + exp(-x)) / 2"), k1, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_cosh(out, x, MPFR_RNDN)),
     ANYMETAL_NEAR(growing<coshl>(11300, std::abs(x)))},
    {"cospi", 1, "r = @cospi(x);", k4, kFastHalfTurns, k1, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_cospi(out, x, MPFR_RNDN)), ANYMETAL_NEAR(cosine_of_half_turns(x))},
    {"exp", 1, "r = @exp(x);", k4, kFastExponential, k1, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_exp(out, x, MPFR_RNDN)), ANYMETAL_NEAR(exponential<expl>(11300, x))},
    {"exp2", 1, "r = @exp2(x);", k4, kFastExponential, k1, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_exp2(out, x, MPFR_RNDN)), ANYMETAL_NEAR(exponential<exp2l>(16300, x))},
    {"exp10", 1, "r = @exp10(x);", k4, unstated(4, "as exp2(x log2(10))"), k1, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_exp10(out, x, MPFR_RNDN)), ANYMETAL_NEAR(exponential<exp10l>(4900, x))},
    {"fabs", 1, "r = @fabs(x);", kExact, kExact, kExact, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_abs(out, x, MPFR_RNDN)), ANYMETAL_NEAR(std::abs(x))},
    {"fdim", 2, "r = @fdim(x, y);", kNearest, kNearest, kNearest, kNone, kNone,
     ANYMETAL_EXACT2(mpfr_dim(out, x, y, MPFR_RNDN)), ANYMETAL_NEAR(std::fdim(x, y))},
    {"floor", 1, "r = @floor(x);", kNearest, kNearest, kNearest, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_floor(out, x)), ANYMETAL_NEAR(std::floor(x))},
    {"fma", 3, "r = @fma(x, y, z);", kNearest, kNearest, kNearest, kNone, kNone,
     ANYMETAL_EXACT3(mpfr_fma(out, x, y, z, MPFR_RNDN)), ANYMETAL_NEAR(std::fma(x, y, z))},
    {"fmax", 2, "r = @fmax(x, y);", kExact, kExact, kExact, kNone, kNone,
     ANYMETAL_EXACT2(mpfr_max(out, x, y, MPFR_RNDN)), ANYMETAL_NEAR(std::fmax(x, y)), nullptr,
     nullptr, Operands::any, /*signed_zero=*/false},
    {"fmin", 2, "r = @fmin(x, y);", kExact, kExact, kExact, kNone, kNone,
     ANYMETAL_EXACT2(mpfr_min(out, x, y, MPFR_RNDN)), ANYMETAL_NEAR(std::fmin(x, y)), nullptr,
     nullptr, Operands::any, /*signed_zero=*/false},
    {"fmod", 2, "r = @fmod(x, y);", kExact, unstated(0.5, "undefined"), kExact, kNone, kNone,
     ANYMETAL_EXACT2(mpfr_fmod(out, x, y, MPFR_RNDN)), ANYMETAL_NEAR(std::fmod(x, y)),
     [](double, double y) { return y != 0; }},
    {"fract", 1, "r = @fract(x);", kNearest, kNearest, kNearest, kNone, kNone,
     [](const Format& format, mpfr_t out, const mpfr_t x, const mpfr_t, const mpfr_t) {
       exact_fract(format, out, x);
     },
     [](const Format& format, long double x, long double, long double) {
       return near_fract(format, x);
     },
     nullptr, nullptr, Operands::any, /*signed_zero=*/false},
    {"frexp, fraction", 1, "r = @frexp(x, whole);", kExact, kExact, kExact, kNone, kNone,
     [](const Format&, mpfr_t out, const mpfr_t x, const mpfr_t, const mpfr_t) {
       mpfr_exp_t exponent = 0;
       exact_frexp(out, exponent, x);
     },
     ANYMETAL_NEAR([](long double v) {
       int exponent = 0;
       return std::frexp(v, &exponent);
     }(x))},
    {"frexp, exponent", 1, "@frexp(x, whole); r = T(whole);", kExact, kExact, kExact, kNone, kNone,
     [](const Format&, mpfr_t out, const mpfr_t x, const mpfr_t, const mpfr_t) {
       mpfr_exp_t exponent = 0;
       exact_frexp(out, exponent, x);
       mpfr_set_si(out, exponent, MPFR_RNDN);
     },
     ANYMETAL_NEAR((long double)(exponent_of(x)))},
    {"ilogb", 1, "r = T(@ilogb(x));", kExact, kExact, kExact, kNone, kNone,
     [](const Format&, mpfr_t out, const mpfr_t x, const mpfr_t, const mpfr_t) {
       mpfr_set_si(out, mpfr_get_exp(x) - 1, MPFR_RNDN);
     },
     ANYMETAL_NEAR(std::logb(x)), nullptr, finite_nonzero},
    {"ldexp", 2, "r = @ldexp(x, int(y));", kNearest, kNearest, kNearest, kNone, kNone,
     ANYMETAL_EXACT2(mpfr_mul_2si(out, x, mpfr_get_si(y, MPFR_RNDZ), MPFR_RNDN)),
     ANYMETAL_NEAR(std::ldexp(x, int(y))), nullptr, nullptr, Operands::scale},
    {"log", 1, "r = @log(x);", k4, kFastLog, k1, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_log(out, x, MPFR_RNDN)), ANYMETAL_NEAR(within<logl>(x >= 0, x)),
     positive},
    {"log2", 1, "r = @log2(x);", k4, kFastLog2, k1, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_log2(out, x, MPFR_RNDN)), ANYMETAL_NEAR(within<log2l>(x >= 0, x)),
     positive},
    {"log10", 1, "r = @log10(x);", k4, unstated(4, "as log2(x) log10(2)"), k1, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_log10(out, x, MPFR_RNDN)), ANYMETAL_NEAR(within<log10l>(x >= 0, x)),
     positive},
    {"modf, fraction", 1, "r = @modf(x, other);", kExact, kExact, kExact, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_frac(out, x, MPFR_RNDN)), ANYMETAL_NEAR([](long double v) {
       long double whole = 0;
       return std::modf(v, &whole);
     }(x))},
    {"modf, whole", 1, "@modf(x, other); r = other;", kExact, kExact, kExact, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_trunc(out, x)), ANYMETAL_NEAR(std::trunc(x))},
    {"nextafter", 2, "r = nextafter(x, y);", kExact, kExact, kExact, kNone, kNone,
     [](const Format& format, mpfr_t out, const mpfr_t x, const mpfr_t y, const mpfr_t) {
       mpfr_set_d(out, next_towards(format, mpfr_get_d(x, MPFR_RNDN), mpfr_get_d(y, MPFR_RNDN)),
                  MPFR_RNDN);
     },
     [](const Format& format, long double x, long double y, long double) {
       return (long double)(next_towards(format, double(x), double(y)));
     }},
    {"pow", 2, "r = @pow(x, y);", k16, kFastPower, unstated(1, "none stated"), kNone, kNone,
     ANYMETAL_EXACT2(mpfr_pow(out, x, y, MPFR_RNDN)), ANYMETAL_NEAR(std::pow(x, y)), not_both_zero},
    {"powr", 2, "r = @powr(x, y);", k16, kFastPower, unstated(1, "none stated"), kNone, kNone,
     ANYMETAL_EXACT2(exact_powr(out, x, y)), ANYMETAL_NEAR(std::pow(x, y)), not_both_zero},
    {"rint", 1, "r = @rint(x);", kNearest, kNearest, kNearest, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_roundeven(out, x)), ANYMETAL_NEAR(std::nearbyint(x))},
    {"round", 1, "r = @round(x);", kNearest, kNearest, kNearest, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_round(out, x)), ANYMETAL_NEAR(std::round(x))},
    {"rsqrt", 1, "r = @rsqrt(x);", kNearest, ulps(2, "2"), kNearest, kNone, kNone,
     ANYMETAL_EXACT1(exact_rsqrt(out, x)), ANYMETAL_NEAR(1 / within<sqrtl>(x >= 0, x)), positive},
    {"sin", 1, "r = @sin(x);", k4, kFastSine, k1, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_sin(out, x, MPFR_RNDN)), ANYMETAL_NEAR(std::sin(x))},
    {"sincos, sine", 1, "r = @sincos(x, other);", k4, kFastSine, k1, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_sin(out, x, MPFR_RNDN)), ANYMETAL_NEAR(std::sin(x))},
    {"sincos, cosine", 1, "@sincos(x, other); r = other;", k4, kFastSine, k1, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_cos(out, x, MPFR_RNDN)), ANYMETAL_NEAR(std::cos(x))},
    {"sinh", 1, "r = @sinh(x);", k4, unstated(4, "as (exp(x) - exp(-x)) / 2"), k1, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_sinh(out, x, MPFR_RNDN)),
     ANYMETAL_NEAR(std::copysign(growing<sinhl>(11300, std::abs(x)), x))},
    {"sinpi", 1, "r = @sinpi(x);", k4, kFastHalfTurns, k1, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_sinpi(out, x, MPFR_RNDN)), ANYMETAL_NEAR(sine_of_half_turns(x))},
    {"sqrt", 1, "r = @sqrt(x);", kNearest, unstated(3, "as x rsqrt(x)"), kNearest, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_sqrt(out, x, MPFR_RNDN)), ANYMETAL_NEAR(within<sqrtl>(x >= 0, x)),
     [](double x, double) { return x >= 0; }},
    {"tan", 1, "r = @tan(x);", k6, unstated(6, "as sin(x) (1 / cos(x))"), k1, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_tan(out, x, MPFR_RNDN)), ANYMETAL_NEAR(std::tan(x))},
    {"tanh", 1, "r = @tanh(x);", k5, unstated(5, "as (t - 1) / (t + 1), t = exp(2 x)"), k1, kNone,
     kNone, ANYMETAL_EXACT1(mpfr_tanh(out, x, MPFR_RNDN)), ANYMETAL_NEAR(std::tanh(x))},
    {"tanpi", 1, "r = @tanpi(x);", k6, unstated(6, "as tan(x pi)"), k1, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_tanpi(out, x, MPFR_RNDN)),
     ANYMETAL_NEAR(sine_of_half_turns(x) / cosine_of_half_turns(x))},
    {"trunc", 1, "r = @trunc(x);", kNearest, kNearest, kNearest, kNone, kNone,
     ANYMETAL_EXACT1(mpfr_trunc(out, x)), ANYMETAL_NEAR(std::trunc(x))},
};
#undef ANYMETAL_EXACT1
#undef ANYMETAL_EXACT2
#undef ANYMETAL_EXACT3
#undef ANYMETAL_NEAR

}  // namespace

std::span<const Function> functions() {
  return kRows;
}

const Function* find_function(std::string_view name) {
  const auto* found = std::ranges::find(kRows, name, &Function::name);
  return found == std::end(kRows) ? nullptr : found;
}

double (*double_form(std::string_view name))(double) {
  using Form = double (*)(double);
  static constexpr std::pair<std::string_view, Form> kForms[] = {
      {"1.0 / x", [](double x) { return 1 / x; }},
      {"acos", std::acos},
      {"acosh", std::acosh},
      {"asin", std::asin},
      {"asinh", std::asinh},
      {"atan", std::atan},
      {"atanh", std::atanh},
      {"ceil", std::ceil},
      {"cos", std::cos},
      {"cosh", std::cosh},
      {"cospi", cosine_of_half_turns<double>},
      {"exp", std::exp},
      {"exp2", std::exp2},
      {"exp10", exp10},
      {"fabs", std::fabs},
      {"floor", std::floor},
      {"fract",
       [](double x) { return std::isinf(x) ? 0 : std::min(x - std::floor(x), 1 - 0x1p-24); }},
      {"frexp, fraction",
       [](double x) {
         int exponent = 0;
         return std::frexp(x, &exponent);
       }},
      {"frexp, exponent", [](double x) { return double(exponent_of(x)); }},
      {"ilogb", std::logb},
      {"log", std::log},
      {"log2", std::log2},
      {"log10", std::log10},
      {"modf, fraction",
       [](double x) {
         double whole = 0;
         return std::modf(x, &whole);
       }},
      {"modf, whole", std::trunc},
      {"rint", std::nearbyint},
      {"round", std::round},
      {"rsqrt", [](double x) { return 1 / std::sqrt(x); }},
      {"sin", std::sin},
      {"sincos, sine", std::sin},
      {"sincos, cosine", std::cos},
      {"sinh", std::sinh},
      {"sinpi", sine_of_half_turns<double>},
      {"sqrt", std::sqrt},
      {"tan", std::tan},
      {"tanh", std::tanh},
      {"tanpi", [](double x) { return sine_of_half_turns(x) / cosine_of_half_turns(x); }},
      {"trunc", std::trunc},
  };
  const auto* found = std::ranges::find(kForms, name, [](const auto& form) { return form.first; });
  return found == std::end(kForms) ? nullptr : found->second;
}

const Bound& bound_of(const Function& function, const Format& format, bool fast) {
  if (format.name == "half") return function.half;
  if (format.name == "bfloat") return fast ? function.bfloat_fast : function.bfloat;
  return fast ? function.fast : function.precise;
}

}  // namespace anymetal::accuracy
