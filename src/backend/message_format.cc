#include "backend/message_format.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <optional>

namespace anymetal::backend {
namespace {

/// `%-8.3v4hf`: flags and numbers as written, the length of the vector, the modifier, the letter.
struct Conversion {
  std::string flags;  ///< with width and precision: "-8.3"
  uint32_t vector = 0;
  std::string_view modifier;
  char letter = 0;
  size_t end = 0;  ///< behind the letter
};

constexpr size_t kMaxNumber = 4;  // digits of a width or precision

size_t skip_digits(std::string_view text, size_t at) {
  while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
  return at;
}

/// What stands behind the '%' at `begin`; nullopt: no conversion.
std::optional<Conversion> read_conversion(std::string_view text, size_t begin) {
  Conversion out;
  size_t at = begin + 1;
  while (at < text.size() && std::strchr("-+ #0", text[at]) && text[at] != 0) ++at;
  const size_t width = at;
  at = skip_digits(text, at);
  if (at - width > kMaxNumber) return std::nullopt;
  if (at < text.size() && text[at] == '.') {
    const size_t precision = ++at;
    at = skip_digits(text, at);
    if (at - precision > kMaxNumber) return std::nullopt;
  }
  out.flags = text.substr(begin + 1, at - begin - 1);
  if (at < text.size() && text[at] == 'v') {
    const size_t count = at + 1;
    at = skip_digits(text, count);
    if (at == count || at - count > 2) return std::nullopt;
    for (size_t i = count; i < at; ++i) out.vector = out.vector * 10 + uint32_t(text[i] - '0');
  }
  const size_t modifier = at;
  while (at < text.size() && std::strchr("hlLjzt", text[at]) && text[at] != 0) ++at;
  out.modifier = text.substr(modifier, at - modifier);
  if (at >= text.size()) return std::nullopt;
  out.letter = text[at];
  out.end = at + 1;
  return out;
}

template <class Value>
std::string printed(const std::string& format, Value value) {
  char small[64];
  const int size = std::snprintf(small, sizeof small, format.c_str(), value);
  if (size < 0) return {};
  if (size_t(size) < sizeof small) return {small, size_t(size)};
  std::string out(size_t(size) + 1, '\0');
  std::snprintf(out.data(), out.size(), format.c_str(), value);
  out.pop_back();
  return out;
}

double as_double(const MessageArgument& argument, uint32_t component) {
  const uint64_t value = argument.values[component];
  switch (MessageKind(argument.kind)) {
    case MessageKind::floating:
      return std::bit_cast<float>(uint32_t(value));
    case MessageKind::signed_integer:
      return double(int64_t(value));
    default:
      return double(value);
  }
}

uint64_t as_integer(const MessageArgument& argument, uint32_t component) {
  if (MessageKind(argument.kind) != MessageKind::floating) return argument.values[component];
  const double value = as_double(argument, component);
  if (std::isnan(value)) return 0;
  if (value >= 9223372036854775808.0) return uint64_t(std::numeric_limits<int64_t>::max());
  if (value < -9223372036854775808.0) return uint64_t(std::numeric_limits<int64_t>::min());
  return uint64_t(int64_t(value));
}

/// As C's printf sees an integer: at least an int; `hh` and `h` cut it down. Vectors keep the width
/// of their components, since nothing is promoted there.
uint64_t cut(uint64_t value, const Conversion& conversion, uint32_t bytes, bool is_signed) {
  uint32_t bits = bytes * 8;
  if (conversion.vector == 0) bits = std::max(bits, 32u);
  if (conversion.modifier == "hh") bits = 8;
  if (conversion.modifier == "h") bits = 16;
  if (bits >= 64) return value;
  if (is_signed) return uint64_t(int64_t(value << (64 - bits)) >> (64 - bits));
  return value & ((uint64_t{1} << bits) - 1);
}

/// One value by one conversion; nullopt: a letter that means nothing.
std::optional<std::string> convert(const Conversion& conversion, const MessageArgument& argument,
                                   uint32_t component) {
  const std::string start = "%" + conversion.flags;
  switch (conversion.letter) {
    case 'd':
    case 'i':
      return printed(start + "lld", static_cast<long long>(cut(as_integer(argument, component),
                                                               conversion, argument.bytes, true)));
    case 'u':
    case 'o':
    case 'x':
    case 'X':
      return printed(start + "ll" + conversion.letter,
                     static_cast<unsigned long long>(
                         cut(as_integer(argument, component), conversion, argument.bytes, false)));
    case 'c':
      return printed(start + "c", int(as_integer(argument, component)));
    case 'p':
      return printed(start + "p", reinterpret_cast<void*>(as_integer(argument, component)));
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
    case 'a':
    case 'A':
      return printed(start + conversion.letter, as_double(argument, component));
    default:
      return std::nullopt;
  }
}

}  // namespace

std::string format_message(std::string_view format, std::span<const MessageArgument> arguments) {
  std::string out;
  size_t next = 0;
  for (size_t at = 0; at < format.size();) {
    if (format[at] != '%') {
      out += format[at++];
      continue;
    }
    if (format.substr(at, 2) == "%%") {
      out += '%';
      at += 2;
      continue;
    }
    const auto conversion = read_conversion(format, at);
    const bool has_argument = next < arguments.size();
    std::optional<std::string> text;
    if (conversion && has_argument) {
      const MessageArgument& argument = arguments[next];
      const uint32_t count = std::clamp(argument.count, 1u, 4u);
      for (uint32_t component = 0; component < count; ++component) {
        const auto one = convert(*conversion, argument, component);
        if (!one) break;
        text = component == 0 ? *one : *text + "," + *one;
      }
    }
    if (!text) {  // as it stands
      out += format[at++];
      continue;
    }
    ++next;
    out += *text;
    at = conversion->end;
  }
  return out;
}

}  // namespace anymetal::backend
