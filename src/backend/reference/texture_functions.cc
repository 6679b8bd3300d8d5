#include "backend/reference/texture_functions.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "backend/reference/texels.h"
#include "backend/texture_table.h"
#include "ir/texture.h"

namespace anymetal::backend::reference {
namespace {

// As compiled code passes them: in one register.
using FloatVector = float __attribute__((vector_size(16)));
using IntegerVector = int32_t __attribute__((vector_size(16)));

template <class Texel>
constexpr bool kIsFloat = std::is_same_v<Texel, FloatTexel>;

FloatVector vector_of(const FloatTexel& t) {
  return FloatVector{t[0], t[1], t[2], t[3]};
}
IntegerVector vector_of(const IntegerTexel& t) {
  return IntegerVector{t[0], t[1], t[2], t[3]};
}

template <class Texel>
Texel load(const TextureDescription& texture, const std::byte* at) {
  Texel plain;
  if constexpr (kIsFloat<Texel>) {
    plain = load_floats(*texture.format, at);
  } else {
    plain = load_integers(*texture.format, at);
  }
  if (texture.swizzle == TextureDescription{}.swizzle) return plain;
  Texel out;
  for (size_t i = 0; i < 4; ++i) {
    const Swizzle from = texture.swizzle[i];
    out[i] = from == Swizzle::zero  ? 0
             : from == Swizzle::one ? 1
                                    : plain[size_t(from) - size_t(Swizzle::red)];
  }
  return out;
}

/// The place of a texel, or null if there is none.
std::byte* place(const TextureDescription& texture, uint32_t x, uint32_t y, uint32_t z,
                 uint32_t slice, uint32_t level) {
  if (level >= texture.level_count || slice >= texture.slices) return nullptr;
  const TextureLevel& l = texture.levels[level];
  if (x >= l.width || y >= l.height || z >= l.depth) return nullptr;
  return texture.data + slice * texture.slice_bytes + l.offset + z * l.image_bytes +
         y * l.row_bytes + uint64_t{x} * texture.format->bytes;
}

// ---- Coordinates.

constexpr int64_t kFar = int64_t{1} << 30;

/// NaN is 0, and what is too far away for any texture is only that far. Not by std::floor, which is
/// a call where the build's processor has no instruction for it.
int64_t floor_to_integer(float x) {
  if (std::isnan(x)) return 0;
  if (x >= float(kFar)) return kFar;
  if (x <= -float(kFar)) return -kFar;
  const auto towards_zero = int64_t(x);
  return float(towards_zero) > x ? towards_zero - 1 : towards_zero;
}

int64_t modulo(int64_t a, int64_t n) {
  return (a % n + n) % n;
}

int64_t mirror(int64_t a) {
  return a < 0 ? -(1 + a) : a;
}

constexpr int64_t kBorder = -1;

/// The texel that stands for coordinate `at` of `size`, or kBorder.
int64_t wrap(int64_t at, int64_t size, AddressMode mode) {
  switch (mode) {
    case AddressMode::repeat:
      return modulo(at, size);
    case AddressMode::mirrored_repeat:
      return size - 1 - mirror(modulo(at, 2 * size) - size);
    case AddressMode::mirror_clamp_to_edge:
      return std::clamp<int64_t>(mirror(at), 0, size - 1);
    case AddressMode::clamp_to_zero:
    case AddressMode::clamp_to_border:
      return at < 0 || at >= size ? kBorder : at;
    case AddressMode::clamp_to_edge:
      break;
  }
  return std::clamp<int64_t>(at, 0, size - 1);
}

/// Where a sample falls along one axis: one texel, or two with the weight of the second.
struct Span {
  int64_t first = 0;
  float weight = 0;
};

Span span_of(float at, bool linear) {
  if (!linear) return {floor_to_integer(at), 0};
  const float left = at - 0.5f;
  const int64_t first = floor_to_integer(left);
  // What is that far away is a whole number.
  const float weight = std::fabs(left) < float(kFar) ? left - float(first) : 0;
  // Rounded up: so little below a texel that it is this one.
  if (weight == 1) return {first + 1, 0};
  return {first, weight >= 0 && weight < 1 ? weight : 0};
}

// ---- One level.

/// What a sample is taken from.
struct Source {
  const TextureDescription& texture;
  const SamplerState& sampler;
  uint32_t level;
  uint32_t slice;  ///< the first of six for a cube

  [[nodiscard]] const TextureLevel& size() const { return texture.levels[level]; }
};

template <class Texel>
Texel border_texel(const Source& source, bool zero) {
  // What a format hasn't is as if it were read: colours 0, alpha 1.
  const PixelFormat& format = *source.texture.format;
  const BorderColor color = zero ? BorderColor::transparent_black : source.sampler.border;
  Texel out = {0, 0, 0, 0};
  if (color == BorderColor::opaque_white)
    for (size_t i = 0; i < std::min<size_t>(format.components, 3); ++i) out[i] = 1;
  if (color != BorderColor::transparent_black || !format.has_alpha()) out[3] = 1;
  return out;
}

/// The texel at coordinates that may lie outside.
template <class Texel>
Texel texel_at(const Source& source, std::array<int64_t, 3> at) {
  const TextureLevel& l = source.size();
  const int64_t size[3] = {l.width, l.height, l.depth};
  for (size_t axis = 0; axis < 3; ++axis) {
    const AddressMode mode = source.sampler.address[axis];
    at[axis] = wrap(at[axis], size[axis], mode);
    if (at[axis] == kBorder) return border_texel<Texel>(source, mode == AddressMode::clamp_to_zero);
  }
  return load<Texel>(source.texture, place(source.texture, uint32_t(at[0]), uint32_t(at[1]),
                                           uint32_t(at[2]), source.slice, source.level));
}

int axes_of(TextureType type) {
  if (type == TextureType::d1 || type == TextureType::d1_array || type == TextureType::buffer)
    return 1;
  return type == TextureType::d3 ? 3 : 2;
}

bool is_cube(TextureType type) {
  return type == TextureType::cube || type == TextureType::cube_array;
}

/// A place on a face of a cube, in texels.
struct FacePlace {
  uint32_t face = 0;
  float x = 0, y = 0;
};

// The faces' axes, as in the specification of Vulkan ("Cube map face selection"), which are
// Metal's.
FacePlace face_of(const std::array<float, 3>& r, uint32_t size) {
  const float ax = std::fabs(r[0]), ay = std::fabs(r[1]), az = std::fabs(r[2]);
  uint32_t face;
  float s, t, major;
  if (az >= ax && az >= ay) {
    face = r[2] < 0 ? 5 : 4;
    s = r[2] < 0 ? -r[0] : r[0];
    t = -r[1];
    major = az;
  } else if (ay >= ax) {
    face = r[1] < 0 ? 3 : 2;
    s = r[0];
    t = r[1] < 0 ? -r[2] : r[2];
    major = ay;
  } else {
    face = r[0] < 0 ? 1 : 0;
    s = r[0] < 0 ? r[2] : -r[2];
    t = -r[1];
    major = ax;
  }
  const auto n = float(size);
  return {face, (0.5f * (s / major) + 0.5f) * n, (0.5f * (t / major) + 0.5f) * n};
}

/// The direction of a place on a face: the other way round. s and t from -1 to 1.
std::array<float, 3> direction_of(uint32_t face, float s, float t) {
  switch (face) {
    case 0:
      return {1, -t, -s};
    case 1:
      return {-1, -t, s};
    case 2:
      return {s, 1, t};
    case 3:
      return {s, -1, -t};
    case 4:
      return {s, -t, 1};
    default:
      return {-s, -t, -1};
  }
}

/// The texel at (x, y) of a face, where one of the two may be one beside it: then it is the
/// neighbouring face's.
template <class Texel>
Texel cube_texel(const Source& source, uint32_t face, int64_t x, int64_t y) {
  const int64_t n = source.size().width;
  if (x < 0 || y < 0 || x >= n || y >= n) {
    const auto along = [&](int64_t at) {
      // Just over the edge, so that the neighbour is the nearest face.
      if (at < 0) return -1.0f - 1e-4f / float(n);
      if (at >= n) return 1.0f + 1e-4f / float(n);
      return (2.0f * float(at) + 1.0f) / float(n) - 1.0f;
    };
    const FacePlace beside = face_of(direction_of(face, along(x), along(y)), uint32_t(n));
    face = beside.face;
    x = std::clamp<int64_t>(floor_to_integer(beside.x), 0, n - 1);
    y = std::clamp<int64_t>(floor_to_integer(beside.y), 0, n - 1);
  }
  return load<Texel>(source.texture, place(source.texture, uint32_t(x), uint32_t(y), 0,
                                           source.slice + face, source.level));
}

/// Calls `visit(texel, weight)` for each texel that counts.
template <class Texel, class Visit>
void visit_cube(const Source& source, const std::array<float, 3>& direction, bool linear,
                Visit visit) {
  const uint32_t n = source.size().width;
  const FacePlace at = face_of(direction, n);
  if (!linear) {
    const auto inside = [&](float c) {
      return std::clamp<int64_t>(floor_to_integer(c), 0, int64_t(n) - 1);
    };
    return visit(cube_texel<Texel>(source, at.face, inside(at.x), inside(at.y)), 1.0f);
  }
  const Span x = span_of(at.x, true), y = span_of(at.y, true);
  const auto limit = [&](int64_t c) { return std::clamp<int64_t>(c, -1, int64_t(n)); };
  for (int j = 0; j < 2; ++j) {
    for (int i = 0; i < 2; ++i) {
      const float weight = (i ? x.weight : 1 - x.weight) * (j ? y.weight : 1 - y.weight);
      if (weight == 0) continue;
      const int64_t cx = limit(x.first + i), cy = limit(y.first + j);
      const bool out_x = cx < 0 || cx >= n, out_y = cy < 0 || cy >= n;
      if (!out_x || !out_y) {
        visit(cube_texel<Texel>(source, at.face, cx, cy), weight);
        continue;
      }
      // Three faces meet in a corner: each of their texels a third.
      const int64_t in_x = std::clamp<int64_t>(cx, 0, n - 1);
      const int64_t in_y = std::clamp<int64_t>(cy, 0, n - 1);
      visit(cube_texel<Texel>(source, at.face, in_x, in_y), weight / 3);
      visit(cube_texel<Texel>(source, at.face, cx, in_y), weight / 3);
      visit(cube_texel<Texel>(source, at.face, in_x, cy), weight / 3);
    }
  }
}

std::array<Span, 3> spans_of(const Source& source, const std::array<float, 3>& at,
                             const std::array<int32_t, 3>& offset, bool linear) {
  const TextureLevel& l = source.size();
  const float size[3] = {float(l.width), float(l.height), float(l.depth)};
  std::array<Span, 3> spans;
  for (int axis = 0; axis < axes_of(source.texture.type); ++axis) {
    const auto i = size_t(axis);
    spans[i] = span_of(source.sampler.pixel_coordinates ? at[i] : at[i] * size[axis], linear);
    spans[i].first += offset[i];
  }
  return spans;
}

template <class Texel, class Visit>
void visit_texels(const Source& source, const std::array<float, 3>& at,
                  const std::array<int32_t, 3>& offset, bool linear, Visit visit) {
  if (is_cube(source.texture.type)) return visit_cube<Texel>(source, at, linear, visit);
  const auto spans = spans_of(source, at, offset, linear);
  for (int corner = 0; corner < 8; ++corner) {
    float weight = 1;
    std::array<int64_t, 3> texel;
    for (size_t axis = 0; axis < 3; ++axis) {
      const bool second = corner >> axis & 1;
      weight *= second ? spans[axis].weight : 1 - spans[axis].weight;
      texel[axis] = spans[axis].first + second;
    }
    // A texel that doesn't count isn't looked at: it may be infinite.
    if (weight != 0) visit(texel_at<Texel>(source, texel), weight);
  }
}

// ---- Levels.

/// Up to two levels, with the weight of the second, and the filter within them.
struct Levels {
  uint32_t first = 0;
  float weight = 0;
  bool linear = false;
};

Levels choose_levels(const TextureDescription& texture, const SamplerState& sampler, float lod) {
  if (std::isnan(lod)) lod = 0;
  lod = std::min(std::max(lod, sampler.lod_min), sampler.lod_max);
  Levels out;
  out.linear = (lod > 0 ? sampler.minify : sampler.magnify) == Filter::linear;
  lod = std::clamp(lod, 0.0f, float(texture.level_count - 1));
  if (sampler.mip == MipFilter::nearest) out.first = uint32_t(std::floor(lod + 0.5f));
  if (sampler.mip == MipFilter::linear) {
    out.first = uint32_t(std::floor(lod));
    out.weight = lod - std::floor(lod);
  }
  out.first = std::min(out.first, texture.level_count - 1);
  return out;
}

/// Array elements beyond the last are the last.
uint32_t first_slice(const TextureDescription& texture, uint32_t element) {
  const uint32_t in_range = std::min(element, texture.array_length() - 1);
  return is_cube(texture.type) ? in_range * 6 : in_range;
}

template <class Texel, class Visit>
void visit_levels(const TextureDescription& texture, const SamplerState& sampler,
                  const std::array<float, 3>& at, uint32_t element, float lod,
                  const std::array<int32_t, 3>& offset, Visit visit) {
  const Levels levels = choose_levels(texture, sampler, lod);
  const bool linear = levels.linear && kIsFloat<Texel>;
  for (uint32_t n = 0; n < 2; ++n) {
    const float share = n ? levels.weight : 1 - levels.weight;
    if (share == 0 || (n && !kIsFloat<Texel>)) continue;
    const Source source{texture, sampler, levels.first + n, first_slice(texture, element)};
    visit_texels<Texel>(source, at, offset, linear,
                        [&](const Texel& texel, float weight) { visit(texel, weight * share); });
  }
}

bool compare(CompareFunction function, float value, float texel) {
  switch (function) {
    case CompareFunction::never:
      return false;
    case CompareFunction::less:
      return value < texel;
    case CompareFunction::equal:
      return value == texel;
    case CompareFunction::less_equal:
      return value <= texel;
    case CompareFunction::greater:
      return value > texel;
    case CompareFunction::not_equal:
      return value != texel;
    case CompareFunction::greater_equal:
      return value >= texel;
    case CompareFunction::always:
      break;
  }
  return true;
}

// ---- The builtins.

template <class Texel>
Texel read(uint64_t handle, uint32_t x, uint32_t y, uint32_t z, uint32_t slice, uint32_t level) {
  const TextureDescription* texture = find_texture(handle);
  const std::byte* at = texture ? place(*texture, x, y, z, slice, level) : nullptr;
  return at ? load<Texel>(*texture, at) : Texel{0, 0, 0, 0};
}

FloatVector read_floats(uint64_t handle, uint32_t x, uint32_t y, uint32_t z, uint32_t slice,
                        uint32_t level) {
  return vector_of(read<FloatTexel>(handle, x, y, z, slice, level));
}
IntegerVector read_integers(uint64_t handle, uint32_t x, uint32_t y, uint32_t z, uint32_t slice,
                            uint32_t level) {
  return vector_of(read<IntegerTexel>(handle, x, y, z, slice, level));
}

void write_floats(uint64_t handle, FloatVector color, uint32_t x, uint32_t y, uint32_t z,
                  uint32_t slice, uint32_t level) {
  const TextureDescription* texture = find_texture(handle);
  std::byte* at = texture ? place(*texture, x, y, z, slice, level) : nullptr;
  if (at) store_floats(*texture->format, {color[0], color[1], color[2], color[3]}, at);
}
void write_integers(uint64_t handle, IntegerVector color, uint32_t x, uint32_t y, uint32_t z,
                    uint32_t slice, uint32_t level) {
  const TextureDescription* texture = find_texture(handle);
  std::byte* at = texture ? place(*texture, x, y, z, slice, level) : nullptr;
  if (at) store_integers(*texture->format, {color[0], color[1], color[2], color[3]}, at);
}

FloatVector sample_floats(uint64_t handle, uint64_t sampler, float x, float y, float z,
                          uint32_t element, float lod, int32_t i, int32_t j, int32_t k) {
  const TextureDescription* texture = find_texture(handle);
  if (!texture) return FloatVector{};
  FloatTexel sum = {0, 0, 0, 0};
  const auto state = SamplerState::from_bits(sampler);
  visit_levels<FloatTexel>(*texture, state, {x, y, z}, element, lod, {i, j, k},
                           [&](const FloatTexel& texel, float weight) {
                             for (size_t c = 0; c < 4; ++c) sum[c] += texel[c] * weight;
                           });
  return vector_of(sum);
}
IntegerVector sample_integers(uint64_t handle, uint64_t sampler, float x, float y, float z,
                              uint32_t element, float lod, int32_t i, int32_t j, int32_t k) {
  const TextureDescription* texture = find_texture(handle);
  if (!texture) return IntegerVector{};
  IntegerTexel found = {0, 0, 0, 0};
  auto state = SamplerState::from_bits(sampler);
  // Integers don't mix.
  if (state.mip == MipFilter::linear) state.mip = MipFilter::nearest;
  visit_levels<IntegerTexel>(*texture, state, {x, y, z}, element, lod, {i, j, k},
                             [&](const IntegerTexel& texel, float) { found = texel; });
  return vector_of(found);
}

/// The four texels of linear filtering in the largest level: lower left, lower right, upper right,
/// upper left, where y grows downwards.
template <class Texel>
std::array<Texel, 4> four_texels(const TextureDescription& texture, uint64_t bits,
                                 const std::array<float, 3>& at, uint32_t element, int32_t i,
                                 int32_t j) {
  const auto sampler = SamplerState::from_bits(bits);
  const Source source{texture, sampler, 0, first_slice(texture, element)};
  constexpr int kOrder[4][2] = {{0, 1}, {1, 1}, {1, 0}, {0, 0}};
  std::array<Texel, 4> out;
  const auto spans = spans_of(source, at, {i, j, 0}, true);
  for (size_t n = 0; n < 4; ++n)
    out[n] =
        texel_at<Texel>(source, {spans[0].first + kOrder[n][0], spans[1].first + kOrder[n][1], 0});
  return out;
}

template <class Vector, class Texel>
Vector gather(uint64_t handle, uint64_t sampler, float x, float y, float z, uint32_t element,
              uint32_t component, int32_t i, int32_t j) {
  const TextureDescription* texture = find_texture(handle);
  if (!texture || is_cube(texture->type)) return Vector{};
  const auto texels = four_texels<Texel>(*texture, sampler, {x, y, z}, element, i, j);
  const size_t c = component & 3;
  return Vector{texels[0][c], texels[1][c], texels[2][c], texels[3][c]};
}

float sample_compare(uint64_t handle, uint64_t sampler, float x, float y, float z, uint32_t element,
                     float value, float lod, int32_t i, int32_t j) {
  const TextureDescription* texture = find_texture(handle);
  if (!texture) return 0;
  float sum = 0;
  const auto state = SamplerState::from_bits(sampler);
  visit_levels<FloatTexel>(*texture, state, {x, y, z}, element, lod, {i, j, 0},
                           [&](const FloatTexel& texel, float weight) {
                             if (compare(state.compare, value, texel[0])) sum += weight;
                           });
  return sum;
}

FloatVector gather_compare(uint64_t handle, uint64_t sampler, float x, float y, float z,
                           uint32_t element, float value, int32_t i, int32_t j) {
  const TextureDescription* texture = find_texture(handle);
  if (!texture || is_cube(texture->type)) return FloatVector{};
  const auto texels = four_texels<FloatTexel>(*texture, sampler, {x, y, z}, element, i, j);
  const auto function = SamplerState::from_bits(sampler).compare;
  const auto passes = [&](size_t n) {
    return compare(function, value, texels[n][0]) ? 1.0f : 0.0f;
  };
  return FloatVector{passes(0), passes(1), passes(2), passes(3)};
}

/// A level that there isn't has no size.
uint32_t size(uint64_t handle, uint32_t what, uint32_t level) {
  const TextureDescription* texture = find_texture(handle);
  if (!texture) return 0;
  if (what == 3) return texture->array_length();
  if (what == 4) return texture->level_count;
  if (level >= texture->level_count) return 0;
  const TextureLevel& l = texture->levels[level];
  return what == 0 ? l.width : what == 1 ? l.height : what == 2 ? l.depth : 0;
}

template <class Function>
std::pair<std::string, void*> symbol(const char* name, Function* function) {
  return {std::string("am.") + name, reinterpret_cast<void*>(function)};
}

}  // namespace

RuntimeSymbols texture_functions() {
  return {symbol("texture_read.f32", read_floats),
          symbol("texture_read.i32", read_integers),
          symbol("texture_write.f32", write_floats),
          symbol("texture_write.i32", write_integers),
          symbol("texture_sample.f32", sample_floats),
          symbol("texture_sample.i32", sample_integers),
          symbol("texture_gather.f32", gather<FloatVector, FloatTexel>),
          symbol("texture_gather.i32", gather<IntegerVector, IntegerTexel>),
          symbol("texture_sample_compare", sample_compare),
          symbol("texture_gather_compare", gather_compare),
          symbol("texture_size", size)};
}

}  // namespace anymetal::backend::reference
