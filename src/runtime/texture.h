// Textures and samplers of the runtime: what the host makes, fills, reads back and binds.
//
// A texture's texels lie in a Buffer, uncompressed, row after row, slice after slice, each slice
// with all its levels. So the host's `replace` and `get` are copies, a texture over a buffer is the
// same thing with a row length of the program's, and views share memory by construction.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "backend/texture_table.h"
#include "ir/texture.h"
#include "support/result.h"

namespace anymetal::runtime {

class Buffer;
class Device;

using backend::Swizzle;

/// Bits of MTLTextureUsage. No bit at all: everything is allowed.
enum : uint32_t { kTextureRead = 1, kTextureWrite = 2, kTextureRenderTarget = 4 };

struct TextureShape {
  TextureType type = TextureType::d2;
  uint32_t format = 0;  ///< number of a PixelFormat
  uint32_t width = 1, height = 1, depth = 1;
  uint32_t array_length = 1;  ///< of array types
  uint32_t levels = 1;
  uint32_t usage = 0;
};

/// A box of texels in one slice of one level.
struct TextureRegion {
  uint32_t x = 0, y = 0, z = 0;
  uint32_t width = 1, height = 1, depth = 1;
};

class Texture : public std::enable_shared_from_this<Texture> {
 public:
  /// Zeroed. Errors: user (a size or format that can't be), environment (no memory).
  [[nodiscard]] static Result<std::shared_ptr<Texture>> create(Device& device,
                                                               const TextureShape& shape);
  /// The texels of `buffer` from `offset` on, as they are: one level of a 1D, 2D or buffer
  /// texture. The texture keeps the buffer.
  [[nodiscard]] static Result<std::shared_ptr<Texture>> over(std::shared_ptr<Buffer> buffer,
                                                             uint64_t offset, uint64_t row_bytes,
                                                             const TextureShape& shape);
  struct View {
    uint32_t format = 0;
    TextureType type = TextureType::d2;
    uint32_t first_level = 0, levels = 1;
    uint32_t first_slice = 0, slices = 1;
    std::array<Swizzle, 4> swizzle = {Swizzle::red, Swizzle::green, Swizzle::blue, Swizzle::alpha};
  };
  /// Other words for the same texels; keeps this texture.
  [[nodiscard]] Result<std::shared_ptr<Texture>> view(const View& view) const;

  ~Texture();
  Texture(const Texture&) = delete;
  Texture& operator=(const Texture&) = delete;

  [[nodiscard]] const TextureShape& shape() const { return shape_; }
  [[nodiscard]] const PixelFormat& format() const { return *description_.format; }
  /// What a kernel gets.
  [[nodiscard]] uint64_t handle() const { return handle_; }
  [[nodiscard]] uint64_t allocated_bytes() const;
  [[nodiscard]] const std::shared_ptr<Buffer>& buffer() const { return buffer_; }
  /// Of a texture over a buffer; else 0.
  [[nodiscard]] uint64_t buffer_row_bytes() const { return linear_row_bytes_; }
  [[nodiscard]] uint64_t buffer_offset() const { return linear_offset_; }
  [[nodiscard]] const std::shared_ptr<const Texture>& parent() const { return parent_; }

  /// Copies rows of `row_bytes` (0: as tight as they can be) and images of `image_bytes` (the same)
  /// to the region, or from it. Errors: user, if the region isn't inside or the rows overlap.
  [[nodiscard]] Result<void> replace(const TextureRegion& region, uint32_t level, uint32_t slice,
                                     const void* bytes, uint64_t row_bytes, uint64_t image_bytes);
  [[nodiscard]] Result<void> get(const TextureRegion& region, uint32_t level, uint32_t slice,
                                 void* bytes, uint64_t row_bytes, uint64_t image_bytes) const;

 private:
  Texture() = default;
  [[nodiscard]] Result<void> enter();
  [[nodiscard]] Result<void> check_region(const TextureRegion& region, uint32_t level,
                                          uint32_t slice, const void* bytes, uint64_t& row_bytes,
                                          uint64_t& image_bytes) const;

  TextureShape shape_;
  backend::TextureDescription description_;
  std::shared_ptr<Buffer> buffer_;
  std::shared_ptr<const Texture> parent_;
  uint64_t linear_offset_ = 0, linear_row_bytes_ = 0;
  uint64_t handle_ = 0;
};

/// How a kernel's sampler argument filters and addresses. Immutable.
class Sampler {
 public:
  explicit Sampler(const SamplerState& state) : bits_(state.bits()) {}
  [[nodiscard]] uint64_t handle() const { return bits_; }

 private:
  uint64_t bits_;
};

/// "2D texture", "cube array texture".
[[nodiscard]] const char* describe(TextureType type);

}  // namespace anymetal::runtime
