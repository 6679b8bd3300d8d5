// Pixel formats of textures: what a texel looks like in memory. Numbers are those of Apple's
// MTLPixelFormat, so that the public API, the runtime and the back ends speak of formats alike.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace anymetal {

/// What the bits of a component mean (Metal Shading Language Specification, "Texture addressing and
/// conversion rules").
enum class ComponentKind : uint8_t {
  unorm,     ///< 0 to 1
  snorm,     ///< -1 to 1
  srgb,      ///< as unorm; red, green and blue on sRGB's curve
  floating,  ///< IEEE half or float; in rg11b10float, floats of 11 and 10 bits
  uint,
  sint,
};

/// Where the components stand.
enum class TexelLayout : uint8_t {
  plain,    ///< red, green, blue, alpha, as many as there are, each of `bits`
  bgra,     ///< blue first
  alpha,    ///< alpha alone
  rgb10a2,  ///< one word: red in the lowest 10 bits
  bgr10a2,  ///< one word: blue in the lowest 10 bits
  rg11b10,  ///< one word: red in the lowest 11 bits
  depth,    ///< one component, read as depth
};

struct PixelFormat {
  uint32_t number = 0;    ///< of MTLPixelFormat
  std::string_view name;  ///< "rgba8unorm"
  ComponentKind kind = ComponentKind::unorm;
  TexelLayout layout = TexelLayout::plain;
  uint8_t bytes = 0;       ///< of a texel
  uint8_t components = 0;  ///< 1, 2 or 4; 3 for rg11b10float
  uint8_t bits = 0;        ///< of a component; 0 where they differ

  [[nodiscard]] bool is_integer() const {
    return kind == ComponentKind::uint || kind == ComponentKind::sint;
  }
  [[nodiscard]] bool has_alpha() const { return components == 4 || layout == TexelLayout::alpha; }
};

/// All formats, by number.
[[nodiscard]] std::span<const PixelFormat> pixel_formats();
/// Null: no such format, or not one that compute kernels can use here.
[[nodiscard]] const PixelFormat* find_pixel_format(uint32_t number);
[[nodiscard]] const PixelFormat* find_pixel_format(std::string_view name);

}  // namespace anymetal
