// Texels in memory and as the values that kernels see, by the conversion rules of the Metal Shading
// Language Specification (8.7 in version 3.2, "Texture addressing and conversion rules").
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "ir/pixel_format.h"

namespace anymetal::backend::reference {

using FloatTexel = std::array<float, 4>;
using IntegerTexel = std::array<int32_t, 4>;

/// Components that the format hasn't: 0, alpha 1.
[[nodiscard]] FloatTexel load_floats(const PixelFormat& format, const std::byte* texel);
/// Of integer formats, extended by their own sign.
[[nodiscard]] IntegerTexel load_integers(const PixelFormat& format, const std::byte* texel);

/// Rounds to nearest even and saturates; NaN becomes 0 in formats that have none.
void store_floats(const PixelFormat& format, const FloatTexel& color, std::byte* texel);
/// Into integer formats. Saturates.
void store_integers(const PixelFormat& format, const IntegerTexel& color, std::byte* texel);

}  // namespace anymetal::backend::reference
