#include "backend/reference/texels.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "backend/narrow_floats.h"

namespace anymetal::backend::reference {
namespace {

/// Bits [at, at + count) of a word.
struct Field {
  int at, count;
};

/// Formats whose components lie in one word of 32 bits, in the order red, green, blue, alpha.
std::array<Field, 4> fields_of(TexelLayout layout) {
  switch (layout) {
    case TexelLayout::bgr10a2:
      return {{{20, 10}, {10, 10}, {0, 10}, {30, 2}}};
    case TexelLayout::rg11b10:
      return {{{0, 11}, {11, 11}, {22, 10}, {32, 0}}};
    default:
      return {{{0, 10}, {10, 10}, {20, 10}, {30, 2}}};
  }
}

bool is_packed(TexelLayout layout) {
  return layout == TexelLayout::rgb10a2 || layout == TexelLayout::bgr10a2 ||
         layout == TexelLayout::rg11b10;
}

/// Which component (0 red) is the n-th in memory.
int component_at(const PixelFormat& format, int n) {
  if (format.layout == TexelLayout::alpha) return 3;
  if (format.layout == TexelLayout::bgra && n < 3) return 2 - n;
  return n;
}

template <class Bits>
Bits load_as(const std::byte* at) {
  Bits bits;
  std::memcpy(&bits, at, sizeof bits);
  return bits;
}

template <class Bits>
void store_as(std::byte* at, uint32_t value) {
  const auto bits = Bits(value);
  std::memcpy(at, &bits, sizeof bits);
}

// Each of its own: copies of as many bytes as a format says are calls, and what they wrote is read
// before it has arrived.
uint32_t load_bits(const std::byte* at, int bits) {
  if (bits == 8) return load_as<uint8_t>(at);
  return bits == 16 ? load_as<uint16_t>(at) : load_as<uint32_t>(at);
}

void store_bits(std::byte* at, int bits, uint32_t value) {
  if (bits == 8) return store_as<uint8_t>(at, value);
  return bits == 16 ? store_as<uint16_t>(at, value) : store_as<uint32_t>(at, value);
}

int32_t extend_sign(uint32_t value, int bits) {
  return int32_t(value << (32 - bits)) >> (32 - bits);
}

/// Unsigned floats with 5 bits of exponent: the upper bits of a half without its sign.
float small_float(uint32_t bits, int count) {
  return half_value(uint16_t(bits << (15 - count)));
}

uint32_t small_float_bits(float value, int count) {
  if (std::isnan(value)) return (1u << count) - 1;
  if (!(value > 0)) return 0;
  if (std::isinf(value)) return 31u << (count - 5);
  // Too large values become the largest finite one.
  const uint32_t bits = count == 11 ? narrow<5, 6>(value) : narrow<5, 5>(value);
  return std::min(bits, (31u << (count - 5)) - 1);
}

double linear_from_srgb(double c) {
  return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
}

double srgb_from_linear(double c) {
  if (!(c > 0)) return 0;  // NaN, too
  if (c >= 1) return 1;
  return c < 0.0031308 ? 12.92 * c : 1.055 * std::pow(c, 1 / 2.4) - 0.055;
}

float linear_of(uint32_t byte) {
  static const auto table = [] {
    std::array<float, 256> out;
    for (size_t i = 0; i < out.size(); ++i) out[i] = float(linear_from_srgb(double(i) / 255));
    return out;
  }();
  return table[byte & 255];
}

float float_of(ComponentKind kind, uint32_t bits, int count) {
  const auto largest = float((uint64_t{1} << count) - 1);
  switch (kind) {
    case ComponentKind::unorm:
    case ComponentKind::srgb:
      return float(bits) / largest;
    case ComponentKind::snorm:
      return std::max(-1.0f, float(extend_sign(bits, count)) / float((1 << (count - 1)) - 1));
    case ComponentKind::floating:
      if (count == 32) return std::bit_cast<float>(bits);
      return count == 16 ? half_value(uint16_t(bits)) : small_float(bits, count);
    default:
      return 0;
  }
}

uint32_t bits_of(ComponentKind kind, float value, int count) {
  switch (kind) {
    case ComponentKind::unorm:
    case ComponentKind::srgb: {
      const auto largest = float((uint64_t{1} << count) - 1);
      if (!(value > 0)) return 0;
      return uint32_t(std::nearbyint(std::min(value * largest, largest)));
    }
    case ComponentKind::snorm: {
      const auto largest = float((1 << (count - 1)) - 1);
      if (std::isnan(value)) return 0;
      const float scaled = std::min(std::max(value * largest, -largest), largest);
      return uint32_t(int32_t(std::nearbyint(scaled))) & uint32_t((uint64_t{1} << count) - 1);
    }
    case ComponentKind::floating:
      if (count == 32) return std::bit_cast<uint32_t>(value);
      return count == 16 ? half_bits(value) : small_float_bits(value, count);
    default:
      return 0;
  }
}

/// Of a format that isn't packed.
template <class Bits, class Convert>
FloatTexel load_components(const PixelFormat& format, const std::byte* texel, Convert convert) {
  FloatTexel color = {0, 0, 0, 1};
  if (format.layout == TexelLayout::plain && format.components == 4) {
    for (size_t n = 0; n < 4; ++n) color[n] = convert(load_as<Bits>(texel + n * sizeof(Bits)));
    return color;
  }
  for (int n = 0; n < format.components; ++n)
    color[size_t(component_at(format, n))] =
        convert(load_as<Bits>(texel + size_t(n) * sizeof(Bits)));
  return color;
}

uint32_t saturate(ComponentKind kind, int32_t value, int count) {
  if (count == 32) return uint32_t(value);
  const uint32_t mask = (1u << count) - 1;
  if (kind == ComponentKind::uint) return std::min(uint32_t(value), mask);
  const int32_t largest = int32_t(mask >> 1);
  return uint32_t(std::clamp(value, -largest - 1, largest)) & mask;
}

}  // namespace

FloatTexel load_floats(const PixelFormat& format, const std::byte* texel) {
  FloatTexel color = {0, 0, 0, 1};
  if (format.is_integer()) return {0, 0, 0, 0};
  if (is_packed(format.layout)) {
    const uint32_t word = load_bits(texel, 32);
    const auto fields = fields_of(format.layout);
    for (size_t i = 0; i < format.components; ++i) {
      const uint32_t bits = word >> fields[i].at & ((1u << fields[i].count) - 1);
      color[i] = float_of(format.kind, bits, fields[i].count);
    }
    return color;
  }
  // The formats that nearly all images have.
  if (format.kind == ComponentKind::unorm && format.bits == 8)
    return load_components<uint8_t>(format, texel,
                                    [](uint8_t bits) { return float(bits) / 255.0f; });
  if (format.kind == ComponentKind::floating && format.bits == 16)
    return load_components<uint16_t>(format, texel, half_value);
  if (format.kind == ComponentKind::floating)
    return load_components<float>(format, texel, [](float value) { return value; });
  for (int n = 0; n < format.components; ++n) {
    const int i = component_at(format, n);
    const uint32_t bits = load_bits(texel + n * (format.bits / 8), format.bits);
    const bool curved = format.kind == ComponentKind::srgb && i < 3;
    color[size_t(i)] = curved ? linear_of(bits) : float_of(format.kind, bits, format.bits);
  }
  return color;
}

IntegerTexel load_integers(const PixelFormat& format, const std::byte* texel) {
  IntegerTexel color = {0, 0, 0, 1};
  if (!format.is_integer()) return {0, 0, 0, 0};
  const auto value = [&](uint32_t bits, int count) {
    return format.kind == ComponentKind::sint ? extend_sign(bits, count) : int32_t(bits);
  };
  if (is_packed(format.layout)) {
    const uint32_t word = load_bits(texel, 32);
    const auto fields = fields_of(format.layout);
    for (size_t i = 0; i < format.components; ++i) {
      const uint32_t bits = word >> fields[i].at & ((1u << fields[i].count) - 1);
      color[i] = value(bits, fields[i].count);
    }
    return color;
  }
  for (int n = 0; n < format.components; ++n) {
    const uint32_t bits = load_bits(texel + n * (format.bits / 8), format.bits);
    color[size_t(component_at(format, n))] = value(bits, format.bits);
  }
  return color;
}

void store_floats(const PixelFormat& format, const FloatTexel& color, std::byte* texel) {
  if (format.is_integer()) return;
  if (is_packed(format.layout)) {
    uint32_t word = 0;
    const auto fields = fields_of(format.layout);
    for (size_t i = 0; i < format.components; ++i)
      word |= bits_of(format.kind, color[i], fields[i].count) << fields[i].at;
    return store_bits(texel, 32, word);
  }
  for (int n = 0; n < format.components; ++n) {
    const int i = component_at(format, n);
    float value = color[size_t(i)];
    if (format.kind == ComponentKind::srgb && i < 3) value = float(srgb_from_linear(value));
    store_bits(texel + n * (format.bits / 8), format.bits,
               bits_of(format.kind, value, format.bits));
  }
}

void store_integers(const PixelFormat& format, const IntegerTexel& color, std::byte* texel) {
  if (!format.is_integer()) return;
  if (is_packed(format.layout)) {
    uint32_t word = 0;
    const auto fields = fields_of(format.layout);
    for (size_t i = 0; i < format.components; ++i)
      word |= saturate(format.kind, color[i], fields[i].count) << fields[i].at;
    return store_bits(texel, 32, word);
  }
  for (int n = 0; n < format.components; ++n) {
    store_bits(texel + n * (format.bits / 8), format.bits,
               saturate(format.kind, color[size_t(component_at(format, n))], format.bits));
  }
}

}  // namespace anymetal::backend::reference
