#include "format_model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace anymetal::textures {

int FormatModel::bytes() const {
  int sum = 0;
  for (int b : bits) sum += b;
  return sum / 8;
}

FormatModel model_of(const std::string& name) {
  FormatModel out;
  out.name = name;
  const auto has = [&](const char* word) { return name.find(word) != std::string::npos; };
  out.kind = has("srgb")    ? 'g'
             : has("unorm") ? 'u'
             : has("snorm") ? 's'
             : has("uint")  ? 'n'
             : has("sint")  ? 'i'
                            : 'f';
  if (has("10a2")) {
    out.bits = {10, 10, 10, 2};
    out.channel = name[0] == 'b' ? std::vector<int>{2, 1, 0, 3} : std::vector<int>{0, 1, 2, 3};
    return out;
  }
  if (has("11b10")) {
    out.bits = {11, 11, 10};
    out.channel = {0, 1, 2};
    return out;
  }
  const size_t digit = name.find_first_of("0123456789");
  const int width = std::stoi(name.substr(digit));
  std::string letters = name.substr(0, digit);
  if (letters == "depth") letters = "r";
  for (char letter : letters) {
    out.bits.push_back(width);
    out.channel.push_back(int(std::string("rgba").find(letter)));
  }
  return out;
}

std::vector<uint64_t> raw_components(const FormatModel& format, const uint8_t* texel) {
  std::vector<uint64_t> out;
  int at = 0;
  for (int bits : format.bits) {
    uint64_t value = 0;
    for (int b = 0; b < bits; ++b, ++at)
      value |= uint64_t(texel[at / 8] >> (at % 8) & 1) << b;  // little endian
    out.push_back(value);
  }
  return out;
}

double small_float_value(uint64_t bits, int exponent_bits, int fraction_bits, bool has_sign) {
  const uint64_t fraction = bits & ((uint64_t{1} << fraction_bits) - 1);
  const int exponent = int(bits >> fraction_bits & ((uint64_t{1} << exponent_bits) - 1));
  const bool negative = has_sign && bits >> (fraction_bits + exponent_bits) & 1;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  double value;
  if (exponent == (1 << exponent_bits) - 1) {
    value = fraction ? std::numeric_limits<double>::quiet_NaN()
                     : std::numeric_limits<double>::infinity();
  } else if (exponent == 0) {
    value = std::ldexp(double(fraction), 1 - bias - fraction_bits);
  } else {
    value = std::ldexp(1 + std::ldexp(double(fraction), -fraction_bits), exponent - bias);
  }
  return negative ? -value : value;
}

namespace {

double signed_value(uint64_t raw, int bits) {
  const double value = double(raw);
  return raw >> (bits - 1) ? value - std::ldexp(1.0, bits) : value;
}

double from_srgb(double c) {
  return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
}

double component(const FormatModel& format, size_t n, uint64_t raw) {
  const int bits = format.bits[n];
  switch (format.kind) {
    case 'u':
      return double(raw) / (std::ldexp(1.0, bits) - 1);
    case 'g': {
      const double c = double(raw) / 255.0;
      return format.channel[n] == 3 ? c : from_srgb(c);
    }
    case 's':
      return std::max(-1.0, signed_value(raw, bits) / (std::ldexp(1.0, bits - 1) - 1));
    case 'n':
      return double(raw);
    case 'i':
      return signed_value(raw, bits);
    default:
      break;
  }
  if (bits == 32) {
    const auto word = uint32_t(raw);
    float value;
    std::memcpy(&value, &word, 4);
    return value;
  }
  return bits == 16 ? small_float_value(raw, 5, 10, true)
                    : small_float_value(raw, 5, bits - 5, false);
}

}  // namespace

std::array<double, 4> decode(const FormatModel& format, const uint8_t* texel) {
  std::array<double, 4> color = {0, 0, 0, 1};
  const auto raw = raw_components(format, texel);
  for (size_t n = 0; n < raw.size(); ++n)
    color[size_t(format.channel[n])] = component(format, n, raw[n]);
  return color;
}

double ideal(const FormatModel& format, size_t n, double color) {
  const int bits = format.bits[n];
  const double all = std::ldexp(1.0, bits) - 1, half = std::ldexp(1.0, bits - 1) - 1;
  switch (format.kind) {
    case 'u':
      return std::isnan(color) ? 0 : std::clamp(color * all, 0.0, all);
    case 'g': {
      if (std::isnan(color)) return 0;
      double c = std::clamp(color, 0.0, 1.0);
      if (format.channel[n] != 3)
        c = c < 0.0031308 ? 12.92 * c : 1.055 * std::pow(c, 1.0 / 2.4) - 0.055;
      return c * 255;
    }
    case 's':
      return std::isnan(color) ? 0 : std::clamp(color * half, -half, half);
    case 'n':
      return std::clamp(color, 0.0, all);
    case 'i':
      return std::clamp(color, -half - 1, half);
    default:
      return color;
  }
}

}  // namespace anymetal::textures
