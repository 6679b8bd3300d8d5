// Textures and samplers as the IR of one thread sees them: 64-bit handles in constant memory
// (docs/design/ir.md, rule 9).
//
// A texture's handle names a description that the back end keeps (backend/texture_table.h); a
// sampler's handle is its whole state, so that a `constexpr sampler` in a kernel and a sampler that
// the host made are the same thing. The standard library of kernels (stdlib/metal_texture) writes
// the same bits.
#pragma once

#include <algorithm>
#include <cstdint>

namespace anymetal {

/// Numbers are those of MTLTextureType.
enum class TextureType : uint8_t {
  d1 = 0,
  d1_array = 1,
  d2 = 2,
  d2_array = 3,
  d2_multisample = 4,
  cube = 5,
  cube_array = 6,
  d3 = 7,
  d2_multisample_array = 8,
  buffer = 9,
};

/// Numbers are those of MTLTextureAccess, with `sample` behind: a sampled texture can be read, too.
enum class TextureAccess : uint8_t { read = 0, read_write = 1, write = 2, sample = 3 };

/// What the T of texture2d<T> is to pixel formats.
enum class TexelClass : uint8_t {
  floating,  ///< float, half: all formats but integers
  sint,      ///< int, short
  uint,      ///< uint, ushort
};

/// What a kernel's parameter says about its texture.
struct TextureUse {
  TextureType type = TextureType::d2;
  TextureAccess access = TextureAccess::sample;
  TexelClass texel = TexelClass::floating;
  bool depth = false;  ///< depth2d and its like

  bool operator==(const TextureUse&) const = default;
};

/// Numbers are those of MTLSamplerAddressMode.
enum class AddressMode : uint8_t {
  clamp_to_edge = 0,
  mirror_clamp_to_edge = 1,
  repeat = 2,
  mirrored_repeat = 3,
  clamp_to_zero = 4,
  clamp_to_border = 5,
};
enum class Filter : uint8_t { nearest = 0, linear = 1 };
enum class MipFilter : uint8_t { none = 0, nearest = 1, linear = 2 };
enum class BorderColor : uint8_t { transparent_black = 0, opaque_black = 1, opaque_white = 2 };
/// Numbers are those of MTLCompareFunction.
enum class CompareFunction : uint8_t {
  never = 0,
  less = 1,
  equal = 2,
  less_equal = 3,
  greater = 4,
  not_equal = 5,
  greater_equal = 6,
  always = 7,
};

/// A sampler's state, and its 64 bits.
struct SamplerState {
  bool pixel_coordinates = false;
  AddressMode address[3] = {};  ///< s, t, r
  Filter magnify = Filter::nearest;
  Filter minify = Filter::nearest;
  MipFilter mip = MipFilter::none;
  BorderColor border = BorderColor::transparent_black;
  CompareFunction compare = CompareFunction::never;
  uint32_t max_anisotropy = 1;  ///< kept, not used: kernels have no derivatives
  float lod_min = 0;
  float lod_max = 16;  ///< in steps of 1/4096, below 16

  /// Bit 31 says that there is a sampler at all.
  static constexpr uint64_t kValid = uint64_t{1} << 31;

  [[nodiscard]] uint64_t bits() const {
    const auto fixed = [](float lod) {
      const float scaled = lod * 4096.0f;
      return uint64_t(scaled >= 65535.0f ? 65535 : scaled > 0 ? uint32_t(scaled) : 0);
    };
    uint64_t out = kValid | uint64_t(pixel_coordinates);
    for (int axis = 0; axis < 3; ++axis) out |= uint64_t(address[axis]) << (1 + 3 * axis);
    out |= uint64_t(magnify) << 10 | uint64_t(minify) << 11 | uint64_t(mip) << 12;
    out |= uint64_t(border) << 14 | uint64_t(compare) << 16;
    out |= uint64_t(std::clamp<uint32_t>(max_anisotropy, 1, 16) - 1) << 20;
    return out | fixed(lod_min) << 32 | fixed(lod_max) << 48;
  }

  /// Takes any bits: a kernel can make up what it wants.
  [[nodiscard]] static SamplerState from_bits(uint64_t bits) {
    const auto field = [&](int at, uint64_t mask, uint64_t limit) {
      return std::min((bits >> at) & mask, limit);
    };
    SamplerState state;
    state.pixel_coordinates = bits & 1;
    for (int axis = 0; axis < 3; ++axis)
      state.address[axis] = AddressMode(field(1 + 3 * axis, 7, 5));
    state.magnify = Filter(field(10, 1, 1));
    state.minify = Filter(field(11, 1, 1));
    state.mip = MipFilter(field(12, 3, 2));
    state.border = BorderColor(field(14, 3, 2));
    state.compare = CompareFunction(field(16, 7, 7));
    state.max_anisotropy = uint32_t(field(20, 15, 15)) + 1;
    state.lod_min = float((bits >> 32) & 0xffff) / 4096.0f;
    state.lod_max = float((bits >> 48) & 0xffff) / 4096.0f;
    return state;
  }
};

}  // namespace anymetal
