// The formats that a compute kernel can read, sample or write here. Left out: compressed, packed
// 16-bit, shared-exponent, extended-range and stencil formats.
#include "ir/pixel_format.h"

#include <algorithm>

namespace anymetal {
namespace {

using enum ComponentKind;
using enum TexelLayout;

constexpr PixelFormat kFormats[] = {
    {1, "a8unorm", unorm, alpha, 1, 1, 8},
    {10, "r8unorm", unorm, plain, 1, 1, 8},
    {11, "r8unorm_srgb", srgb, plain, 1, 1, 8},
    {12, "r8snorm", snorm, plain, 1, 1, 8},
    {13, "r8uint", uint, plain, 1, 1, 8},
    {14, "r8sint", sint, plain, 1, 1, 8},
    {20, "r16unorm", unorm, plain, 2, 1, 16},
    {22, "r16snorm", snorm, plain, 2, 1, 16},
    {23, "r16uint", uint, plain, 2, 1, 16},
    {24, "r16sint", sint, plain, 2, 1, 16},
    {25, "r16float", floating, plain, 2, 1, 16},
    {30, "rg8unorm", unorm, plain, 2, 2, 8},
    {31, "rg8unorm_srgb", srgb, plain, 2, 2, 8},
    {32, "rg8snorm", snorm, plain, 2, 2, 8},
    {33, "rg8uint", uint, plain, 2, 2, 8},
    {34, "rg8sint", sint, plain, 2, 2, 8},
    {53, "r32uint", uint, plain, 4, 1, 32},
    {54, "r32sint", sint, plain, 4, 1, 32},
    {55, "r32float", floating, plain, 4, 1, 32},
    {60, "rg16unorm", unorm, plain, 4, 2, 16},
    {62, "rg16snorm", snorm, plain, 4, 2, 16},
    {63, "rg16uint", uint, plain, 4, 2, 16},
    {64, "rg16sint", sint, plain, 4, 2, 16},
    {65, "rg16float", floating, plain, 4, 2, 16},
    {70, "rgba8unorm", unorm, plain, 4, 4, 8},
    {71, "rgba8unorm_srgb", srgb, plain, 4, 4, 8},
    {72, "rgba8snorm", snorm, plain, 4, 4, 8},
    {73, "rgba8uint", uint, plain, 4, 4, 8},
    {74, "rgba8sint", sint, plain, 4, 4, 8},
    {80, "bgra8unorm", unorm, bgra, 4, 4, 8},
    {81, "bgra8unorm_srgb", srgb, bgra, 4, 4, 8},
    {90, "rgb10a2unorm", unorm, rgb10a2, 4, 4, 0},
    {91, "rgb10a2uint", uint, rgb10a2, 4, 4, 0},
    {92, "rg11b10float", floating, rg11b10, 4, 3, 0},
    {94, "bgr10a2unorm", unorm, bgr10a2, 4, 4, 0},
    {103, "rg32uint", uint, plain, 8, 2, 32},
    {104, "rg32sint", sint, plain, 8, 2, 32},
    {105, "rg32float", floating, plain, 8, 2, 32},
    {110, "rgba16unorm", unorm, plain, 8, 4, 16},
    {112, "rgba16snorm", snorm, plain, 8, 4, 16},
    {113, "rgba16uint", uint, plain, 8, 4, 16},
    {114, "rgba16sint", sint, plain, 8, 4, 16},
    {115, "rgba16float", floating, plain, 8, 4, 16},
    {123, "rgba32uint", uint, plain, 16, 4, 32},
    {124, "rgba32sint", sint, plain, 16, 4, 32},
    {125, "rgba32float", floating, plain, 16, 4, 32},
    {250, "depth16unorm", unorm, depth, 2, 1, 16},
    {252, "depth32float", floating, depth, 4, 1, 32},
};

}  // namespace

std::span<const PixelFormat> pixel_formats() {
  return kFormats;
}

const PixelFormat* find_pixel_format(uint32_t number) {
  const auto* found = std::find_if(std::begin(kFormats), std::end(kFormats),
                                   [&](const PixelFormat& f) { return f.number == number; });
  return found == std::end(kFormats) ? nullptr : found;
}

const PixelFormat* find_pixel_format(std::string_view name) {
  const auto* found = std::find_if(std::begin(kFormats), std::end(kFormats),
                                   [&](const PixelFormat& f) { return f.name == name; });
  return found == std::end(kFormats) ? nullptr : found;
}

}  // namespace anymetal
