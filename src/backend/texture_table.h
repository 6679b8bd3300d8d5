// The textures of the process, by handle. The runtime enters a texture when it is made and removes
// it when it goes; executors look a handle up whenever a kernel touches a texel.
//
// A kernel can have any bits where a handle should be (a variable without value, memory that a host
// program has filled), so a handle is an index with a generation and not an address: what isn't the
// handle of a living texture is found nowhere.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "ir/pixel_format.h"
#include "ir/texture.h"
#include "support/result.h"

namespace anymetal::backend {

inline constexpr uint32_t kMaxTextureLevels = 15;  ///< of 16,384 texels: 2^14

/// One level of one slice: `depth` images of `height` rows.
struct TextureLevel {
  uint32_t width = 1, height = 1, depth = 1;
  uint64_t offset = 0;  ///< of its first texel from the slice's start
  uint64_t row_bytes = 0;
  uint64_t image_bytes = 0;
};

/// Numbers are those of MTLTextureSwizzle.
enum class Swizzle : uint8_t { zero = 0, one = 1, red = 2, green = 3, blue = 4, alpha = 5 };

/// Where the texels of a texture lie. Plain data; the runtime fills it in and owns the memory.
struct TextureDescription {
  std::byte* data = nullptr;
  const PixelFormat* format = nullptr;
  TextureType type = TextureType::d2;
  uint32_t slices = 1;  ///< elements of an array; six for each cube
  uint64_t slice_bytes = 0;
  uint32_t level_count = 1;
  std::array<TextureLevel, kMaxTextureLevels> levels;
  std::array<Swizzle, 4> swizzle = {Swizzle::red, Swizzle::green, Swizzle::blue, Swizzle::alpha};

  /// What get_array_size gives.
  [[nodiscard]] uint32_t array_length() const {
    return type == TextureType::cube || type == TextureType::cube_array ? slices / 6 : slices;
  }
};

/// The new texture's handle, never 0. Errors: environment, if there are more than a million.
[[nodiscard]] Result<uint64_t> enter_texture(const TextureDescription& texture);
/// No kernel that could use it may still run.
void remove_texture(uint64_t handle);
/// Null if there is no such texture. Any bits are allowed; thread-safe and without a lock.
[[nodiscard]] const TextureDescription* find_texture(uint64_t handle) noexcept;

}  // namespace anymetal::backend
