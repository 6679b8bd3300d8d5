// Textures and samplers of the C++ API: Metal's words in, the runtime's objects out.
#include "api/texture.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "api/raise.h"
#include "runtime/runtime.h"

namespace anymetal {
namespace {

/// The place of a word in a list. Words that it doesn't know are errors with those that it knows.
template <size_t N>
Result<uint8_t> find_word(const char* what, const std::string& word,
                          const std::array<std::string_view, N>& words) {
  const auto found = std::find(words.begin(), words.end(), word);
  if (found != words.end()) return static_cast<uint8_t>(found - words.begin());
  std::string known;
  for (const std::string_view one : words)
    if (!one.empty()) known += (known.empty() ? "'" : ", '") + std::string(one) + "'";
  return user_error(fmt::format("{} is one of {}, not '{}'", what, known, word));
}

// In the order of MTLTextureType's numbers.
constexpr std::array<std::string_view, 10> kTypes = {
    "1d", "1d_array", "2d", "2d_array", "", "cube", "cube_array", "3d", "", "buffer"};
constexpr std::array<std::string_view, 6> kAddresses = {"clamp_to_edge", "mirror_clamp_to_edge",
                                                        "repeat",        "mirrored_repeat",
                                                        "clamp_to_zero", "clamp_to_border"};
constexpr std::array<std::string_view, 2> kFilters = {"nearest", "linear"};
constexpr std::array<std::string_view, 3> kMipFilters = {"none", "nearest", "linear"};
constexpr std::array<std::string_view, 3> kBorders = {"transparent_black", "opaque_black",
                                                      "opaque_white"};
constexpr std::array<std::string_view, 2> kCoords = {"normalized", "pixel"};
constexpr std::array<std::string_view, 8> kCompares = {
    "never", "less", "equal", "less_equal", "greater", "not_equal", "greater_equal", "always"};

Result<std::shared_ptr<runtime::Texture>> make_texture(const TextureOptions& options) {
  ANYMETAL_ASSIGN_OR_RETURN(const uint8_t type,
                            find_word("a texture's type", options.type, kTypes));
  const PixelFormat* format = find_pixel_format(std::string_view(options.format));
  if (!format)
    return user_error(
        fmt::format("there is no pixel format '{}', or it is not supported yet: the name is "
                    "Apple's in small letters, as in 'rgba8unorm' or 'r32float'",
                    options.format));
  return runtime::Texture::create(runtime::Device::system(),
                                  {.type = static_cast<TextureType>(type),
                                   .format = format->number,
                                   .width = options.width,
                                   .height = options.height,
                                   .depth = options.depth,
                                   .array_length = options.array_length,
                                   .levels = options.levels});
}

Result<SamplerState> make_state(const SamplerOptions& o) {
  SamplerState state;
  const std::string& magnify = o.mag_filter.empty() ? o.filter : o.mag_filter;
  const std::string& minify = o.min_filter.empty() ? o.filter : o.min_filter;
  ANYMETAL_ASSIGN_OR_RETURN(const uint8_t mag, find_word("a filter", magnify, kFilters));
  ANYMETAL_ASSIGN_OR_RETURN(const uint8_t min, find_word("a filter", minify, kFilters));
  ANYMETAL_ASSIGN_OR_RETURN(const uint8_t mip,
                            find_word("a mip filter", o.mip_filter, kMipFilters));
  ANYMETAL_ASSIGN_OR_RETURN(const uint8_t border,
                            find_word("a border color", o.border_color, kBorders));
  ANYMETAL_ASSIGN_OR_RETURN(const uint8_t coord, find_word("coord", o.coord, kCoords));
  ANYMETAL_ASSIGN_OR_RETURN(const uint8_t compare,
                            find_word("a comparison", o.compare_func, kCompares));
  for (size_t axis = 0; axis < 3; ++axis) {
    ANYMETAL_ASSIGN_OR_RETURN(const uint8_t mode,
                              find_word("an address mode", o.address[axis], kAddresses));
    state.address[axis] = static_cast<AddressMode>(mode);
  }
  state.magnify = static_cast<Filter>(mag);
  state.minify = static_cast<Filter>(min);
  state.mip = static_cast<MipFilter>(mip);
  state.border = static_cast<BorderColor>(border);
  state.pixel_coordinates = coord == 1;
  state.compare = static_cast<CompareFunction>(compare);
  state.lod_min = o.lod_min;
  state.lod_max = o.lod_max;
  return state;
}

Result<runtime::TextureRegion> whole_slice(const runtime::Texture& texture, uint64_t bytes,
                                           uint64_t size, uint32_t level) {
  const runtime::TextureShape& s = texture.shape();
  if (level >= s.levels || level >= 32)
    return user_error(fmt::format("level {} of a texture with {}", level, s.levels));
  if (bytes != size)
    return user_error(
        fmt::format("a slice of level {} has {} bytes, and {} were given", level, bytes, size));
  const auto at = [&](uint32_t n) { return std::max(1u, n >> level); };
  return runtime::TextureRegion{0, 0, 0, at(s.width), at(s.height), at(s.depth)};
}

const Texture::State& required(const Texture& texture) {
  if (!texture.state()) api::raise_at_call(user_error("this texture is none: it has no texels"));
  return *texture.state();
}

}  // namespace

Texture::Texture(const TextureOptions& options) {
  auto made = make_texture(options);
  if (!made) api::raise_at_call(made.error());
  state_ = std::make_shared<const State>(State{options, *std::move(made)});
}

const TextureOptions& Texture::options() const {
  return required(*this).options;
}
uint64_t Texture::texel_bytes() const {
  return required(*this).texture->format().bytes;
}
uint64_t Texture::slice_bytes(uint32_t level) const {
  const TextureOptions& o = options();
  if (level >= 32) return 0;
  const auto at = [&](uint32_t n) { return uint64_t{std::max(1u, n >> level)}; };
  return at(o.width) * at(o.height) * at(o.depth) * texel_bytes();
}
uint32_t Texture::slices() const {
  const TextureOptions& o = options();
  return o.array_length * (o.type.starts_with("cube") ? 6 : 1);
}

void Texture::replace(const void* bytes, uint64_t size, uint32_t level, uint32_t slice) {
  runtime::Texture& texture = *required(*this).texture;
  auto region = whole_slice(texture, slice_bytes(level), size, level);
  if (!region) api::raise_at_call(region.error());
  auto done = texture.replace(*region, level, slice, bytes, 0, 0);
  if (!done) api::raise_at_call(done.error());
}

void Texture::get(void* bytes, uint64_t size, uint32_t level, uint32_t slice) const {
  const runtime::Texture& texture = *required(*this).texture;
  auto region = whole_slice(texture, slice_bytes(level), size, level);
  if (!region) api::raise_at_call(region.error());
  auto done = texture.get(*region, level, slice, bytes, 0, 0);
  if (!done) api::raise_at_call(done.error());
}

Sampler::Sampler(const SamplerOptions& options) {
  auto state = make_state(options);
  if (!state) api::raise_at_call(state.error());
  state_ = state->bits();
}

}  // namespace anymetal
