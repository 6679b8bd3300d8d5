#include "direct.h"

#include <algorithm>
#include <bit>
#include <span>
#include <string>

#include "backend/cpu/math/rows.h"

// A bfloat travels as a half does, in the low bits of a vector register.
#define ANYMETAL_DECLARE(name)                              \
  extern "C" void name##_f32() __asm__("am." #name ".f32"); \
  extern "C" void name##_f16() __asm__("am." #name ".f16"); \
  extern "C" void name##_bf16() __asm__("am." #name ".bf16");
#define ANYMETAL_DECLARE_BOTH(name) \
  ANYMETAL_DECLARE(name)            \
  extern "C" void fast_##name##_f32() __asm__("am.fast_" #name ".f32");
namespace anymetal::accuracy::code {
ANYMETAL_UNARY_MATH(ANYMETAL_DECLARE_BOTH)
ANYMETAL_BINARY_MATH(ANYMETAL_DECLARE_BOTH)
ANYMETAL_DECLARE(fmod)
ANYMETAL_DECLARE(ldexp)
ANYMETAL_DECLARE(frexp_fraction)
ANYMETAL_DECLARE(frexp_exponent)
ANYMETAL_DECLARE(ilogb)
ANYMETAL_DECLARE(nextafter)
}  // namespace anymetal::accuracy::code

namespace anymetal::accuracy {
namespace {

using Code = void (*)();

struct Row {
  std::string_view name;
  Code f32, f16, bf16, fast;
};

#define ANYMETAL_ROW_BOTH(name) \
  {#name, code::name##_f32, code::name##_f16, code::name##_bf16, code::fast_##name##_f32},
#define ANYMETAL_ROW(name) \
  {#name, code::name##_f32, code::name##_f16, code::name##_bf16, code::name##_f32},
const Row kUnary[] = {ANYMETAL_UNARY_MATH(ANYMETAL_ROW_BOTH) ANYMETAL_ROW(frexp_fraction)};
const Row kBinary[] = {ANYMETAL_BINARY_MATH(ANYMETAL_ROW_BOTH) ANYMETAL_ROW(fmod)
                           ANYMETAL_ROW(nextafter)};
const Row kScale[] = {ANYMETAL_ROW(ldexp)};
const Row kExponent[] = {ANYMETAL_ROW(frexp_exponent) ANYMETAL_ROW(ilogb)};
#undef ANYMETAL_ROW
#undef ANYMETAL_ROW_BOTH

/// The builtin's name, where the function's is another.
std::string_view builtin_of(std::string_view function) {
  if (function == "frexp, fraction") return "frexp_fraction";
  if (function == "frexp, exponent") return "frexp_exponent";
  if (function == "sincos, sine") return "sin";
  if (function == "sincos, cosine") return "cos";
  return function;
}

uint32_t bits_of(float x) {
  return std::bit_cast<uint32_t>(x);
}
uint32_t bits_of(_Float16 x) {
  return std::bit_cast<uint16_t>(x);
}

template <class T>
T value_of(uint32_t bits) {
  if constexpr (sizeof(T) == 4) {
    return std::bit_cast<T>(bits);
  } else {
    return std::bit_cast<T>(static_cast<uint16_t>(bits));
  }
}

}  // namespace

std::optional<DirectFunction> DirectFunction::find(const Function& function, const Format& format,
                                                   bool fast) {
  DirectFunction out;
  out.format_ = &format;
  const auto take = [&](std::span<const Row> rows, Shape shape) {
    const auto row = std::ranges::find(rows, builtin_of(function.name), &Row::name);
    if (row == rows.end()) return false;
    const Code code = format.name == "half"     ? row->f16
                      : format.name == "bfloat" ? row->bf16
                      : fast                    ? row->fast
                                                : row->f32;
    out.shape_ = shape;
    out.address_ = reinterpret_cast<void*>(code);
    return true;
  };
  if (take(kUnary, Shape::unary) || take(kBinary, Shape::binary) || take(kScale, Shape::scale) ||
      take(kExponent, Shape::exponent))
    return out;
  return std::nullopt;
}

uint32_t DirectFunction::call(uint32_t x, uint32_t y) const {
  const auto as = [&]<class T>(T x_value, T y_value) -> uint32_t {
    switch (shape_) {
      case Shape::unary:
        return bits_of(reinterpret_cast<T (*)(T)>(address_)(x_value));
      case Shape::binary:
        return bits_of(reinterpret_cast<T (*)(T, T)>(address_)(x_value, y_value));
      case Shape::scale:
        return bits_of(
            reinterpret_cast<T (*)(T, int)>(address_)(x_value, int(decode(*format_, y))));
      case Shape::exponent:
        return encode(*format_, reinterpret_cast<int (*)(T)>(address_)(x_value));
    }
    return 0;
  };
  if (format_->bits == 32) return as(value_of<float>(x), value_of<float>(y));
  return as(value_of<_Float16>(x), value_of<_Float16>(y));
}

}  // namespace anymetal::accuracy
