// Textures and samplers as arguments of anymetal::Library's kernels.
//
//   anymetal::Texture image({.format = "rgba8unorm", .width = 64, .height = 64});
//   image.replace(pixels.data(), pixels.size());
//   library.kernel("blur")({.arguments = {image, output, anymetal::Sampler({.filter = "linear"})},
//                           .grid = {{64, 64, 1}}});
//
// Words are Metal's: "rgba8unorm" is MTLPixelFormatRGBA8Unorm, "clamp_to_edge" is
// address::clamp_to_edge. Wrong ones throw std::invalid_argument.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "anymetal/export.h"

namespace anymetal {

struct TextureOptions {
  std::string format = "rgba8unorm";
  /// "1d", "1d_array", "2d", "2d_array", "3d", "cube", "cube_array", "buffer"
  std::string type = "2d";
  uint32_t width = 1, height = 1, depth = 1;
  uint32_t array_length = 1;  ///< of array types
  uint32_t levels = 1;        ///< of a mip chain
};

/// Copies share the texels. Thread-safe as memory is: not while a kernel writes to it.
class ANYMETAL_API Texture {
 public:
  /// None: an empty element of an array of textures.
  Texture() = default;
  /// Zeroed texels. Throws std::invalid_argument for sizes or a format that can't be, KernelError
  /// if there is no memory.
  explicit Texture(const TextureOptions& options);

  [[nodiscard]] const TextureOptions& options() const;
  /// Of one texel, and of one slice of a level: rows without gaps, the first row first.
  [[nodiscard]] uint64_t texel_bytes() const;
  [[nodiscard]] uint64_t slice_bytes(uint32_t level = 0) const;
  /// Elements of an array, six for each cube.
  [[nodiscard]] uint32_t slices() const;
  /// Fills a whole slice of a level, or copies it out; `size` must be slice_bytes(level).
  void replace(const void* bytes, uint64_t size, uint32_t level = 0, uint32_t slice = 0);
  void get(void* bytes, uint64_t size, uint32_t level = 0, uint32_t slice = 0) const;

  class State;
  [[nodiscard]] const State* state() const { return state_.get(); }

 private:
  std::shared_ptr<const State> state_;
};

struct SamplerOptions {
  std::string filter = "nearest";  ///< "linear"; for both of the next
  std::string mag_filter, min_filter;
  std::string mip_filter = "none";  ///< "nearest", "linear"
  /// s, t, r: "clamp_to_edge", "clamp_to_zero", "clamp_to_border", "repeat", "mirrored_repeat",
  /// "mirror_clamp_to_edge"
  std::array<std::string, 3> address = {"clamp_to_edge", "clamp_to_edge", "clamp_to_edge"};
  std::string border_color = "transparent_black";  ///< "opaque_black", "opaque_white"
  std::string coord = "normalized";                ///< "pixel"
  std::string compare_func = "never";              ///< "less", "greater_equal", ...
  float lod_min = 0, lod_max = 16;
};

class ANYMETAL_API Sampler {
 public:
  explicit Sampler(const SamplerOptions& options = {});
  /// What a kernel gets.
  [[nodiscard]] uint64_t state() const { return state_; }

 private:
  uint64_t state_;
};

}  // namespace anymetal
