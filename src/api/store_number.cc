#include "api/store_number.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

namespace anymetal::api {
namespace {

struct Scalar {
  std::string_view name;
  uint32_t size;
  Dtype dtype;
};
constexpr Scalar kScalars[] = {
    {"bool", 1, Dtype::bool_},   {"char", 1, Dtype::int8},       {"uchar", 1, Dtype::uint8},
    {"short", 2, Dtype::int16},  {"ushort", 2, Dtype::uint16},   {"int", 4, Dtype::int32},
    {"uint", 4, Dtype::uint32},  {"long", 8, Dtype::int64},      {"ulong", 8, Dtype::uint64},
    {"half", 2, Dtype::float16}, {"bfloat", 2, Dtype::bfloat16}, {"float", 4, Dtype::float32},
};

std::string text_of(const KernelArgument::Number& number) {
  return std::visit([](auto value) { return fmt::format("{}", value); }, number);
}

template <class T>
Result<void> store(T value, std::byte* out) {
  std::memcpy(out, &value, sizeof value);
  return {};
}

template <class T>
Result<void> store_integer(const KernelArgument::Number& number, std::string_view element,
                           std::byte* out) {
  using Range = std::numeric_limits<T>;
  if (const auto* real = std::get_if<double>(&number)) {
    return user_error(fmt::format("the float {} can't be a `{}`: convert it to an integer first",
                                  *real, element));
  }
  return std::visit(
      [&](auto value) -> Result<void> {
        if constexpr (std::is_same_v<decltype(value), double>) {
          return {};
        } else if constexpr (std::is_same_v<decltype(value), bool>) {
          return store(static_cast<T>(value), out);
        } else {
          if (!std::in_range<T>(value))
            return user_error(fmt::format("{} is out of the range of `{}`, {} to {}", value,
                                          element, +Range::min(), +Range::max()));
          return store(static_cast<T>(value), out);
        }
      },
      number);
}

/// To the nearest bfloat of the double itself: the float in between is rounded to odd, so that it
/// can't make a tie.
uint16_t bfloat_bits(double value) {
  const auto near = static_cast<float>(value);
  auto bits = std::bit_cast<uint32_t>(near);
  if (std::isnan(value)) return static_cast<uint16_t>((bits >> 16) | 0x40);
  if (std::isfinite(near) && static_cast<double>(near) != value) {
    if (std::fabs(static_cast<double>(near)) > std::fabs(value)) --bits;
    bits |= 1;
  }
  if (std::isinf(near)) return static_cast<uint16_t>(bits >> 16);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

Result<void> store_real(const KernelArgument::Number& number, std::string_view element,
                        std::byte* out) {
  const double value = std::visit([](auto v) { return static_cast<double>(v); }, number);
  bool finite = true;
  if (element == "float") {
    const auto result = static_cast<float>(value);
    finite = std::isfinite(result);
    std::memcpy(out, &result, sizeof result);
  } else if (element == "half") {
    const auto result = static_cast<_Float16>(value);
    finite = std::isfinite(static_cast<float>(result));
    std::memcpy(out, &result, sizeof result);
  } else {
    const uint16_t bits = bfloat_bits(value);
    finite = (bits & 0x7f80) != 0x7f80;
    std::memcpy(out, &bits, sizeof bits);
  }
  if (!finite && std::isfinite(value))
    return user_error(fmt::format("{} is out of the range of `{}`", text_of(number), element));
  return {};
}

Result<void> store_bool(const KernelArgument::Number& number, std::byte* out) {
  const bool is_real = std::holds_alternative<double>(number);
  const double value = std::visit([](auto v) { return static_cast<double>(v); }, number);
  if (is_real || (value != 0 && value != 1))
    return user_error(
        fmt::format("{} can't be a `bool`: give true, false, 0 or 1", text_of(number)));
  *out = static_cast<std::byte>(value != 0);
  return {};
}

}  // namespace

uint32_t scalar_size(std::string_view element) {
  for (const Scalar& scalar : kScalars)
    if (scalar.name == element) return scalar.size;
  return 0;
}

std::string_view element_of(Dtype dtype) {
  if (dtype == Dtype::complex64) return "float";
  for (const Scalar& scalar : kScalars)
    if (scalar.dtype == dtype) return scalar.name;
  return {};
}

TypeShape shape_of(std::string_view type, std::string_view element, uint32_t size) {
  const uint32_t scalar = scalar_size(element);
  if (scalar == 0) return {0, 0, 0};
  if (type.starts_with("packed_")) type.remove_prefix(7);
  const auto digit = [](char c) {
    return c >= '2' && c <= '4' ? static_cast<uint32_t>(c - '0') : 0;
  };
  if (type.starts_with(element)) {
    const std::string_view rest = type.substr(element.size());
    if (rest.size() == 1 && digit(rest[0])) return {1, digit(rest[0]), size};
    if (rest.size() == 3 && rest[1] == 'x') {
      const uint32_t columns = digit(rest[0]), rows = digit(rest[2]);
      if (columns != 0 && rows != 0) return {columns, rows, size / columns};
    }
  }
  // A scalar, an atomic, an enum, an array of scalars.
  return {1, size / scalar, size};
}

Result<void> store_number(const KernelArgument::Number& number, std::string_view element,
                          std::byte* out) {
  if (element == "bool") return store_bool(number, out);
  if (element == "char") return store_integer<int8_t>(number, element, out);
  if (element == "uchar") return store_integer<uint8_t>(number, element, out);
  if (element == "short") return store_integer<int16_t>(number, element, out);
  if (element == "ushort") return store_integer<uint16_t>(number, element, out);
  if (element == "int") return store_integer<int32_t>(number, element, out);
  if (element == "uint") return store_integer<uint32_t>(number, element, out);
  if (element == "long") return store_integer<int64_t>(number, element, out);
  if (element == "ulong") return store_integer<uint64_t>(number, element, out);
  if (scalar_size(element) > 0) return store_real(number, element, out);
  return user_error(fmt::format("a `{}` can't be made from a number", element));
}

}  // namespace anymetal::api
