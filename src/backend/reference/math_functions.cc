// Math for the reference executor: right, not fast. Every function is computed in double by the
// host's libm and rounded once to the type of the row, so that a float is within 0.51 units in the
// last place, and half and bfloat are correctly rounded but for cases that no sample has shown. The
// fast_ rows use the same functions: "may be less accurate" obliges nobody. Rules for special
// values follow IEEE 754-2019, section 9.2.1, which Metal refers to.
#include "backend/reference/math_functions.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "backend/narrow_floats.h"

namespace anymetal::backend::reference {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// The three types, by how their values travel and what they mean. A bfloat travels as _Float16,
// which has the same register as __bf16: for moving a __bf16 Clang 19 calls a function that many
// machines lack.
struct Float {
  using Value = float;
  using Bits = uint32_t;
  static double widen(float value) { return value; }
  static float round(double value) { return static_cast<float>(value); }
};
struct Half {
  using Value = _Float16;
  using Bits = uint16_t;
  static double widen(_Float16 value) { return half_value(std::bit_cast<uint16_t>(value)); }
  static _Float16 round(double value) { return std::bit_cast<_Float16>(half_bits(value)); }
};
struct Bfloat {
  using Value = _Float16;
  using Bits = uint16_t;
  static double widen(_Float16 value) { return bfloat_value(std::bit_cast<uint16_t>(value)); }
  static _Float16 round(double value) { return std::bit_cast<_Float16>(bfloat_bits(value)); }
};

// sin(pi x) for x in [-1, 1]. Near the ends the distance to them is exact and well-conditioned.
double sine_of_half_turns(double x) {
  if (std::abs(x) <= 0.5) return std::sin(kPi * x);
  return std::copysign(std::sin(kPi * (1 - std::abs(x))), x);
}
double sinpi(double x) {
  if (!std::isfinite(x)) return kNan;
  const double turned = std::remainder(x, 2.0);
  if (turned == 0 || std::abs(turned) == 1) return std::copysign(0.0, x);
  return sine_of_half_turns(turned);
}
double cospi(double x) {
  if (!std::isfinite(x)) return kNan;
  const double turned = std::abs(std::remainder(x, 2.0));
  if (turned == 0.5) return 0;
  return turned <= 0.25 ? std::cos(kPi * turned) : sine_of_half_turns(0.5 - turned);
}
double tanpi(double x) {
  return sinpi(x) / cospi(x);
}

// Outside their domains and ranges glibc's older functions save and restore the floating-point
// environment, which takes longer than all else; so they aren't asked there.
constexpr double kInfinity = std::numeric_limits<double>::infinity();

double rsqrt(double x) {
  return x < 0 ? kNan : 1 / std::sqrt(x);
}
double acos(double x) {
  return std::abs(x) <= 1 ? std::acos(x) : kNan;
}
double asin(double x) {
  return std::abs(x) <= 1 ? std::asin(x) : kNan;
}
double acosh(double x) {
  return x >= 1 ? std::acosh(x) : kNan;
}
double atanh(double x) {
  return std::abs(x) <= 1 ? std::atanh(x) : kNan;
}
double log10(double x) {
  return x >= 0 ? std::log10(x) : kNan;
}
double sinh(double x) {
  return std::abs(x) > 700 ? std::copysign(kInfinity, x) : std::sinh(x);
}
double cosh(double x) {
  return std::abs(x) > 700 ? kInfinity : std::cosh(x);
}
double exp10(double x) {
  return x > 300 ? kInfinity : x < -300 ? 0 : ::exp10(x);
}

// exp(y log x): undefined where that is 0 times infinity.
double powr(double x, double y) {
  if (x < 0 || std::isnan(x) || std::isnan(y)) return kNan;
  if (y == 0 && (x == 0 || std::isinf(x))) return kNan;
  if (x == 1 && std::isinf(y)) return kNan;
  return std::pow(std::abs(x), y);
}

template <double (*function)(double), class T>
typename T::Value unary(typename T::Value x) {
  return T::round(function(T::widen(x)));
}
template <double (*function)(double, double), class T>
typename T::Value binary(typename T::Value x, typename T::Value y) {
  return T::round(function(T::widen(x), T::widen(y)));
}

template <class T>
typename T::Value scale(typename T::Value x, int k) {
  return T::round(std::ldexp(T::widen(x), k));
}

template <class T>
typename T::Value fraction(typename T::Value x) {
  int exponent = 0;
  return T::round(std::frexp(T::widen(x), &exponent));
}
template <class T>
int exponent(typename T::Value x) {
  int exponent = 0;
  const double value = T::widen(x);
  if (std::isfinite(value)) std::frexp(value, &exponent);
  return exponent;
}
template <class T>
int floor_of_log2(typename T::Value x) {
  const double value = T::widen(x);
  if (value == 0) return std::numeric_limits<int>::min();
  if (!std::isfinite(value)) return std::numeric_limits<int>::max();
  return std::ilogb(value);
}

// On the bits: away from zero the pattern grows by one, towards it shrinks.
template <class T>
typename T::Value next_towards(typename T::Value x, typename T::Value y) {
  using Bits = typename T::Bits;
  const double from = T::widen(x), to = T::widen(y);
  if (std::isnan(from)) return x;
  if (std::isnan(to) || from == to) return y;
  auto bits = std::bit_cast<Bits>(x);
  constexpr Bits sign = Bits(Bits(1) << (sizeof(Bits) * 8 - 1));
  if (from == 0) {
    bits = Bits((to < 0 ? sign : Bits(0)) | 1);
  } else {
    const bool away = (to > from) == (from > 0);
    bits = Bits(away ? bits + 1 : bits - 1);
  }
  return std::bit_cast<typename T::Value>(bits);
}

int64_t high_product(int64_t x, int64_t y) {
  return static_cast<int64_t>((__int128{x} * y) >> 64);
}
uint64_t high_product(uint64_t x, uint64_t y) {
  return static_cast<uint64_t>((static_cast<unsigned __int128>(x) * y) >> 64);
}

using Functions = std::vector<std::pair<std::string, void*>>;

template <class Result, class... Operand>
void add(Functions& out, std::string name, Result (*function)(Operand...)) {
  out.emplace_back("am." + std::move(name), reinterpret_cast<void*>(function));
}

template <double (*function)(double)>
void add_unary(Functions& out, const std::string& name, bool has_fast = true) {
  add(out, name + ".f32", &unary<function, Float>);
  add(out, name + ".f16", &unary<function, Half>);
  add(out, name + ".bf16", &unary<function, Bfloat>);
  if (has_fast) add(out, "fast_" + name + ".f32", &unary<function, Float>);
}
template <double (*function)(double, double)>
void add_binary(Functions& out, const std::string& name, bool has_fast = true) {
  add(out, name + ".f32", &binary<function, Float>);
  add(out, name + ".f16", &binary<function, Half>);
  add(out, name + ".bf16", &binary<function, Bfloat>);
  if (has_fast) add(out, "fast_" + name + ".f32", &binary<function, Float>);
}
template <class T>
void add_exact(Functions& out, const std::string& suffix) {
  add(out, "ldexp." + suffix, &scale<T>);
  add(out, "frexp_fraction." + suffix, &fraction<T>);
  add(out, "frexp_exponent." + suffix, &exponent<T>);
  add(out, "ilogb." + suffix, &floor_of_log2<T>);
  add(out, "nextafter." + suffix, &next_towards<T>);
}

Functions build() {
  Functions out;
  add_unary<std::exp>(out, "exp");
  add_unary<std::exp2>(out, "exp2");
  add_unary<exp10>(out, "exp10");
  add_unary<std::log>(out, "log");
  add_unary<std::log2>(out, "log2");
  add_unary<log10>(out, "log10");
  add_unary<std::sin>(out, "sin");
  add_unary<std::cos>(out, "cos");
  add_unary<std::tan>(out, "tan");
  add_unary<asin>(out, "asin");
  add_unary<acos>(out, "acos");
  add_unary<std::atan>(out, "atan");
  add_unary<sinh>(out, "sinh");
  add_unary<cosh>(out, "cosh");
  add_unary<std::tanh>(out, "tanh");
  add_unary<std::asinh>(out, "asinh");
  add_unary<acosh>(out, "acosh");
  add_unary<atanh>(out, "atanh");
  add_unary<sinpi>(out, "sinpi");
  add_unary<cospi>(out, "cospi");
  add_unary<tanpi>(out, "tanpi");
  add_unary<rsqrt>(out, "rsqrt");
  add_binary<std::atan2>(out, "atan2");
  add_binary<std::pow>(out, "pow");
  add_binary<powr>(out, "powr");
  add_binary<std::fmod>(out, "fmod", /*has_fast=*/false);
  add_exact<Float>(out, "f32");
  add_exact<Half>(out, "f16");
  add_exact<Bfloat>(out, "bf16");
  add<int64_t, int64_t, int64_t>(out, "mulhi.i64", &high_product);
  add<uint64_t, uint64_t, uint64_t>(out, "mulhi.u64", &high_product);
  return out;
}

}  // namespace

const std::vector<std::pair<std::string, void*>>& math_functions() {
  static const auto* functions = new Functions(build());
  return *functions;
}

}  // namespace anymetal::backend::reference
