#include "runtime/texture.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "runtime/runtime.h"
#include "runtime/validate_launch.h"

namespace anymetal::runtime {

namespace {

// Apple, "Metal feature set tables": the same on all current machines.
constexpr uint32_t kMaxSize = 16384;
constexpr uint32_t kMaxSize3d = 2048;
constexpr uint32_t kMaxArrayLength = 2048;
constexpr uint32_t kMaxBufferTexels = 1u << 28;

bool is_array(TextureType type) {
  return type == TextureType::d1_array || type == TextureType::d2_array ||
         type == TextureType::cube_array;
}
bool is_cube(TextureType type) {
  return type == TextureType::cube || type == TextureType::cube_array;
}
bool is_1d(TextureType type) {
  return type == TextureType::d1 || type == TextureType::d1_array || type == TextureType::buffer;
}

Result<void> check_dimension(TextureType type, const char* what, uint64_t value, uint64_t limit) {
  if (value >= 1 && value <= limit) return {};
  return user_error(fmt::format("a {} of {} {}: it is from 1 to {}", describe(type), what,
                                grouped(value), grouped(limit)));
}

Result<void> check_type(TextureType type) {
  switch (type) {
    case TextureType::d1:
    case TextureType::d1_array:
    case TextureType::d2:
    case TextureType::d2_array:
    case TextureType::cube:
    case TextureType::cube_array:
    case TextureType::d3:
    case TextureType::buffer:
      return {};
    case TextureType::d2_multisample:
    case TextureType::d2_multisample_array:
      return unsupported_error("multisample textures are not supported yet: use a 2D texture");
  }
  return user_error(fmt::format("there is no texture type {}", static_cast<int>(type)));
}

Result<void> check_shape(const TextureShape& shape) {
  const TextureType type = shape.type;
  ANYMETAL_RETURN_IF_ERROR(check_type(type));
  if (!find_pixel_format(shape.format))
    return unsupported_error(fmt::format(
        "pixel format {} is not supported yet: docs/limits.md lists those that are", shape.format));
  const uint64_t limit = type == TextureType::buffer ? kMaxBufferTexels
                         : type == TextureType::d3   ? kMaxSize3d
                                                     : kMaxSize;
  ANYMETAL_RETURN_IF_ERROR(check_dimension(type, "width", shape.width, limit));
  ANYMETAL_RETURN_IF_ERROR(check_dimension(type, "height", shape.height, is_1d(type) ? 1 : limit));
  ANYMETAL_RETURN_IF_ERROR(
      check_dimension(type, "depth", shape.depth, type == TextureType::d3 ? limit : 1));
  ANYMETAL_RETURN_IF_ERROR(check_dimension(type, "array length", shape.array_length,
                                           is_array(type) ? kMaxArrayLength : 1));
  if (is_cube(type) && shape.width != shape.height)
    return user_error(fmt::format("a {} of {} x {} texels: its faces must be square",
                                  describe(type), shape.width, shape.height));
  const uint32_t largest = std::max({shape.width, shape.height, shape.depth});
  const uint32_t levels = is_1d(type) ? 1 : uint32_t(std::bit_width(largest));
  return check_dimension(type, "mipmap levels", shape.levels, levels);
}

uint32_t slices_of(const TextureShape& shape) {
  return shape.array_length * (is_cube(shape.type) ? 6 : 1);
}

/// Fills in the levels, tightly packed. Returns the bytes of a slice.
uint64_t lay_out(const TextureShape& shape, backend::TextureDescription& d) {
  uint64_t offset = 0;
  for (uint32_t n = 0; n < shape.levels; ++n) {
    backend::TextureLevel& level = d.levels[n];
    level.width = std::max(1u, shape.width >> n);
    level.height = std::max(1u, shape.height >> n);
    level.depth = std::max(1u, shape.depth >> n);
    level.offset = offset;
    level.row_bytes = uint64_t{level.width} * d.format->bytes;
    level.image_bytes = level.row_bytes * level.height;
    offset += level.image_bytes * level.depth;
  }
  return (offset + 15) / 16 * 16;
}

}  // namespace

Result<std::shared_ptr<Texture>> Texture::create(Device& device, const TextureShape& shape) {
  ANYMETAL_RETURN_IF_ERROR(check_shape(shape));
  std::shared_ptr<Texture> texture(new Texture);
  texture->shape_ = shape;
  backend::TextureDescription& d = texture->description_;
  d.format = find_pixel_format(shape.format);
  d.type = shape.type;
  d.level_count = shape.levels;
  d.slices = slices_of(shape);
  d.slice_bytes = lay_out(shape, d);
  ANYMETAL_ASSIGN_OR_RETURN(texture->buffer_, device.buffer(d.slice_bytes * d.slices));
  d.data = static_cast<std::byte*>(texture->buffer_->data());
  ANYMETAL_RETURN_IF_ERROR(texture->enter());
  return texture;
}

Result<std::shared_ptr<Texture>> Texture::over(std::shared_ptr<Buffer> buffer, uint64_t offset,
                                               uint64_t row_bytes, const TextureShape& shape) {
  if (!buffer) return user_error("a texture over a buffer needs one, and got null");
  ANYMETAL_RETURN_IF_ERROR(check_shape(shape));
  const TextureType type = shape.type;
  if ((type != TextureType::d1 && type != TextureType::d2 && type != TextureType::buffer) ||
      shape.levels != 1)
    return user_error(
        fmt::format("a {} of {} levels over a buffer: only 1D, 2D and buffer textures of one level "
                    "can be",
                    describe(type), shape.levels));
  const PixelFormat& format = *find_pixel_format(shape.format);
  const uint64_t tight = uint64_t{shape.width} * format.bytes;
  if (row_bytes == 0 || is_1d(type)) row_bytes = std::max(row_bytes, tight);
  if (row_bytes < tight || row_bytes % format.bytes != 0)
    return user_error(fmt::format(
        "rows of {} bytes: {} texels of {} take {}, and rows must be a multiple of {} bytes",
        grouped(row_bytes), grouped(shape.width), format.name, grouped(tight), format.bytes));
  // In this order nothing can overflow: at most 2^14 rows of less than 2^50 bytes.
  const uint64_t needed = row_bytes >> 48 ? ~uint64_t{0} : row_bytes * (shape.height - 1) + tight;
  if (offset > buffer->size() || needed > buffer->size() - offset)
    return user_error(
        fmt::format("a texture of {} bytes from offset {} on doesn't fit into a buffer of {}",
                    grouped(needed), grouped(offset), grouped(buffer->size())));
  std::shared_ptr<Texture> texture(new Texture);
  texture->shape_ = shape;
  texture->linear_offset_ = offset;
  texture->linear_row_bytes_ = row_bytes;
  backend::TextureDescription& d = texture->description_;
  d.format = &format;
  d.type = type;
  lay_out(shape, d);
  d.levels[0].row_bytes = row_bytes;
  d.levels[0].image_bytes = row_bytes * shape.height;
  d.data = static_cast<std::byte*>(buffer->data()) + offset;
  texture->buffer_ = std::move(buffer);
  ANYMETAL_RETURN_IF_ERROR(texture->enter());
  return texture;
}

Result<std::shared_ptr<Texture>> Texture::view(const View& view) const {
  const PixelFormat* format = find_pixel_format(view.format);
  if (!format)
    return unsupported_error(fmt::format("pixel format {} is not supported yet", view.format));
  if (format->bytes != description_.format->bytes)
    return user_error(
        fmt::format("a view of {} texels as {}: a view's texels must be as large as the texture's",
                    description_.format->name, format->name));
  const auto dimensions = [](TextureType type) {
    return type == TextureType::d3 ? 3 : is_1d(type) ? 1 : 2;
  };
  ANYMETAL_RETURN_IF_ERROR(check_type(view.type));
  const uint32_t faces = is_cube(view.type) ? 6 : 1;
  const bool fits = dimensions(view.type) == dimensions(shape_.type) &&
                    (view.type == TextureType::buffer) == (shape_.type == TextureType::buffer) &&
                    (!is_cube(view.type) || shape_.width == shape_.height);
  if (!fits || view.levels < 1 || view.first_level >= shape_.levels ||
      view.levels > shape_.levels - view.first_level || view.slices < 1 ||
      view.first_slice >= description_.slices ||
      view.slices > description_.slices - view.first_slice || view.slices % faces != 0 ||
      (!is_array(view.type) && view.slices != faces))
    return user_error(fmt::format(
        "a {} of levels {} to {} and slices {} to {} can't be a view of a {} of {} levels and {} "
        "slices",
        describe(view.type), view.first_level, uint64_t{view.first_level} + view.levels - 1,
        view.first_slice, uint64_t{view.first_slice} + view.slices - 1, describe(shape_.type),
        shape_.levels, description_.slices));
  for (const Swizzle from : view.swizzle)
    if (from > Swizzle::alpha) return user_error("a view's swizzle has an unknown component");
  std::shared_ptr<Texture> out(new Texture);
  out->shape_ = shape_;
  out->description_ = description_;
  backend::TextureDescription& d = out->description_;
  d.format = format;
  d.type = view.type;
  d.swizzle = view.swizzle;
  d.level_count = view.levels;
  d.slices = view.slices;
  d.data += view.first_slice * d.slice_bytes;
  std::copy_n(description_.levels.begin() + view.first_level, view.levels, d.levels.begin());
  TextureShape& shape = out->shape_;
  shape.type = view.type;
  shape.format = view.format;
  shape.levels = view.levels;
  shape.array_length = view.slices / faces;
  shape.width = d.levels[0].width;
  shape.height = d.levels[0].height;
  shape.depth = d.levels[0].depth;
  out->buffer_ = buffer_;
  out->parent_ = shared_from_this();
  ANYMETAL_RETURN_IF_ERROR(out->enter());
  return out;
}

Texture::~Texture() {
  backend::remove_texture(handle_);
}

Result<void> Texture::enter() {
  ANYMETAL_ASSIGN_OR_RETURN(handle_, backend::enter_texture(description_));
  return {};
}

uint64_t Texture::allocated_bytes() const {
  return buffer_->size();
}

Result<void> Texture::check_region(const TextureRegion& r, uint32_t level, uint32_t slice,
                                   const void* bytes, uint64_t& row_bytes,
                                   uint64_t& image_bytes) const {
  if (!bytes) return user_error("texels to copy are at a null pointer");
  if (level >= description_.level_count || slice >= description_.slices)
    return user_error(fmt::format("level {} of slice {}: the texture has {} levels and {} slices",
                                  level, slice, description_.level_count, description_.slices));
  const backend::TextureLevel& l = description_.levels[level];
  const auto inside = [](uint32_t at, uint32_t count, uint32_t size) {
    return count >= 1 && at < size && count <= size - at;
  };
  if (!inside(r.x, r.width, l.width) || !inside(r.y, r.height, l.height) ||
      !inside(r.z, r.depth, l.depth))
    return user_error(fmt::format(
        "a region of {} x {} x {} texels at ({}, {}, {}) is not inside level {} of {} x {} x {}",
        r.width, r.height, r.depth, r.x, r.y, r.z, level, l.width, l.height, l.depth));
  const uint64_t tight = uint64_t{r.width} * description_.format->bytes;
  if (row_bytes == 0) row_bytes = tight;
  if (row_bytes < tight && r.height * r.depth > 1)
    return user_error(fmt::format("rows of {} bytes are too short: {} texels of {} take {}",
                                  grouped(row_bytes), r.width, description_.format->name,
                                  grouped(tight)));
  if (image_bytes == 0) image_bytes = row_bytes * r.height;
  if (image_bytes < row_bytes * (r.height - 1) + tight && r.depth > 1)
    return user_error(fmt::format("images of {} bytes are too short: {} rows of {} bytes",
                                  grouped(image_bytes), r.height, grouped(row_bytes)));
  return {};
}

Result<void> Texture::replace(const TextureRegion& r, uint32_t level, uint32_t slice,
                              const void* bytes, uint64_t row_bytes, uint64_t image_bytes) {
  ANYMETAL_RETURN_IF_ERROR(check_region(r, level, slice, bytes, row_bytes, image_bytes));
  const backend::TextureLevel& l = description_.levels[level];
  const uint64_t texel = description_.format->bytes;
  std::byte* to = description_.data + slice * description_.slice_bytes + l.offset;
  const auto* from = static_cast<const std::byte*>(bytes);
  for (uint64_t z = 0; z < r.depth; ++z)
    for (uint64_t y = 0; y < r.height; ++y)
      std::memcpy(to + (r.z + z) * l.image_bytes + (r.y + y) * l.row_bytes + r.x * texel,
                  from + z * image_bytes + y * row_bytes, r.width * texel);
  return {};
}

Result<void> Texture::get(const TextureRegion& r, uint32_t level, uint32_t slice, void* bytes,
                          uint64_t row_bytes, uint64_t image_bytes) const {
  ANYMETAL_RETURN_IF_ERROR(check_region(r, level, slice, bytes, row_bytes, image_bytes));
  const backend::TextureLevel& l = description_.levels[level];
  const uint64_t texel = description_.format->bytes;
  const std::byte* from = description_.data + slice * description_.slice_bytes + l.offset;
  auto* to = static_cast<std::byte*>(bytes);
  for (uint64_t z = 0; z < r.depth; ++z)
    for (uint64_t y = 0; y < r.height; ++y)
      std::memcpy(to + z * image_bytes + y * row_bytes,
                  from + (r.z + z) * l.image_bytes + (r.y + y) * l.row_bytes + r.x * texel,
                  r.width * texel);
  return {};
}

const char* describe(TextureType type) {
  switch (type) {
    case TextureType::d1:
      return "1D texture";
    case TextureType::d1_array:
      return "1D array texture";
    case TextureType::d2:
      return "2D texture";
    case TextureType::d2_array:
      return "2D array texture";
    case TextureType::d2_multisample:
      return "2D multisample texture";
    case TextureType::cube:
      return "cube texture";
    case TextureType::cube_array:
      return "cube array texture";
    case TextureType::d3:
      return "3D texture";
    case TextureType::d2_multisample_array:
      return "2D multisample array texture";
    case TextureType::buffer:
      return "buffer texture";
  }
  return "texture";
}

}  // namespace anymetal::runtime
