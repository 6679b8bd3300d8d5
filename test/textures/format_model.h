// Texels and colours by the formulas of the Metal Shading Language Specification (8.7), in double,
// written from the specification and sharing nothing with the executor.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace anymetal::textures {

/// A format by its name: what the name says is all that the model knows of it.
struct FormatModel {
  std::string name;
  std::vector<int> bits;     ///< of each component in memory, lowest first
  std::vector<int> channel;  ///< which colour component (0 red) each of them is
  char kind = 'u';           ///< u unorm, s snorm, i sint, n uint, f float, g srgb
  [[nodiscard]] int bytes() const;
  [[nodiscard]] bool is_integer() const { return kind == 'i' || kind == 'n'; }
};

/// "rgba8unorm", "bgra8unorm_srgb", "rgb10a2uint", "depth32float".
[[nodiscard]] FormatModel model_of(const std::string& name);

/// The components in memory, as raw bits.
[[nodiscard]] std::vector<uint64_t> raw_components(const FormatModel& format, const uint8_t* texel);
/// What a read gives.
[[nodiscard]] std::array<double, 4> decode(const FormatModel& format, const uint8_t* texel);
/// What a write of a colour may leave in component n of memory: the ideal value before it is
/// rounded to an integer (unorm, snorm, integers), or the exact value (float formats).
[[nodiscard]] double ideal(const FormatModel& format, size_t n, double color);
/// A half's value, and an unsigned small float's, from its bits.
[[nodiscard]] double small_float_value(uint64_t bits, int exponent_bits, int fraction_bits,
                                       bool has_sign);

}  // namespace anymetal::textures
