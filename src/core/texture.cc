// Textures and samplers behind their handles.
#include <algorithm>

#include "core/object.h"
#include "runtime/log.h"

using anymetal::Error;
using anymetal::Result;
using anymetal::user_error;
namespace runtime = anymetal::runtime;

namespace {

/// To the caller; the log has what nobody asked for, since Metal's own calls for textures have no
/// errors.
void give(am_error** to, const Error& error) {
  if (!to) runtime::log(runtime::LogLevel::error, error.text());
  anymetal::core::give(to, error);
}

template <class Handle, class T>
Handle* wrap(Result<std::shared_ptr<T>> result, std::shared_ptr<T> Handle::* member,
             am_error** error) {
  if (!result.ok()) return give(error, result.error()), nullptr;
  return anymetal::core::wrap(std::move(result), member, error);
}

runtime::TextureShape shape_of(const am_texture_shape& shape) {
  return {.type = static_cast<anymetal::TextureType>(std::min(shape.type, 255u)),
          .format = shape.pixel_format,
          .width = shape.width,
          .height = shape.height,
          .depth = shape.depth,
          .array_length = shape.array_length,
          .levels = shape.levels,
          .usage = shape.usage};
}

std::array<runtime::Swizzle, 4> swizzle_of(const am_texture_shape& shape) {
  using enum runtime::Swizzle;
  std::array<runtime::Swizzle, 4> out = {red, green, blue, alpha};
  const bool any = std::any_of(std::begin(shape.swizzle), std::end(shape.swizzle),
                               [](uint8_t from) { return from != 0; });
  for (size_t i = 0; any && i < 4; ++i) out[i] = static_cast<runtime::Swizzle>(shape.swizzle[i]);
  return out;
}

bool has_swizzle(const am_texture_shape& shape) {
  using enum runtime::Swizzle;
  return swizzle_of(shape) != std::array{red, green, blue, alpha};
}

/// All of a texture, as a view with the shape's swizzle.
Result<std::shared_ptr<runtime::Texture>> with_swizzle(
    Result<std::shared_ptr<runtime::Texture>> made, const am_texture_shape& shape) {
  if (!made.ok() || !has_swizzle(shape)) return made;
  const runtime::TextureShape& whole = (*made)->shape();
  const bool cube =
      whole.type == anymetal::TextureType::cube || whole.type == anymetal::TextureType::cube_array;
  return (*made)->view({.format = whole.format,
                        .type = whole.type,
                        .levels = whole.levels,
                        .slices = whole.array_length * (cube ? 6 : 1),
                        .swizzle = swizzle_of(shape)});
}

runtime::TextureRegion region_of(const am_texture_region& r) {
  return {r.x, r.y, r.z, r.width, r.height, r.depth};
}

bool told(const Result<void>& result, am_error** error) {
  if (!result.ok()) give(error, result.error());
  return result.ok();
}

}  // namespace

extern "C" {

am_texture_descriptor* am_texture_descriptor_new(void) {
  return new am_texture_descriptor;
}
am_texture_shape* am_texture_descriptor_shape(am_texture_descriptor* descriptor) {
  return descriptor ? &descriptor->shape : nullptr;
}
am_sampler_descriptor* am_sampler_descriptor_new(void) {
  return new am_sampler_descriptor;
}
am_sampler_state* am_sampler_descriptor_state(am_sampler_descriptor* descriptor) {
  return descriptor ? &descriptor->state : nullptr;
}

am_texture* am_texture_new(am_device* device, const am_texture_shape* shape, am_error** error) {
  if (!device) return nullptr;
  if (!shape) return give(error, user_error("a texture needs a shape, and got null")), nullptr;
  return wrap(with_swizzle(runtime::Texture::create(*device->device, shape_of(*shape)), *shape),
              &am_texture::texture, error);
}

am_texture* am_texture_new_over_buffer(am_buffer* buffer, const am_texture_shape* shape,
                                       uint64_t offset, uint64_t row_bytes, am_error** error) {
  if (!buffer) return nullptr;
  if (!shape) return give(error, user_error("a texture needs a shape, and got null")), nullptr;
  return wrap(
      with_swizzle(runtime::Texture::over(buffer->buffer, offset, row_bytes, shape_of(*shape)),
                   *shape),
      &am_texture::texture, error);
}

am_texture* am_texture_new_view(am_texture* texture, const am_texture_shape* shape,
                                uint32_t first_level, uint32_t first_slice, am_error** error) {
  if (!texture) return nullptr;
  if (!shape) return give(error, user_error("a view needs a shape, and got null")), nullptr;
  const runtime::TextureShape asked = shape_of(*shape);
  return wrap(texture->texture->view({.format = asked.format,
                                      .type = asked.type,
                                      .first_level = first_level,
                                      .levels = asked.levels,
                                      .first_slice = first_slice,
                                      .slices = asked.array_length,
                                      .swizzle = swizzle_of(*shape)}),
              &am_texture::texture, error);
}

void am_texture_get_shape(const am_texture* texture, am_texture_shape* shape) {
  if (!texture || !shape) return;
  const runtime::TextureShape& s = texture->texture->shape();
  *shape = {.type = static_cast<uint32_t>(s.type),
            .pixel_format = s.format,
            .width = s.width,
            .height = s.height,
            .depth = s.depth,
            .array_length = s.array_length,
            .levels = s.levels,
            .usage = s.usage,
            .swizzle = {}};
}

uint64_t am_resource_allocated_size(const void* resource) {
  const auto* object = static_cast<const am_object*>(resource);
  if (const auto* texture = dynamic_cast<const am_texture*>(object))
    return texture->texture->allocated_bytes();
  const auto* buffer = dynamic_cast<const am_buffer*>(object);
  return buffer ? buffer->buffer->size() : 0;
}
uint64_t am_texture_resource_id(const am_texture* texture) {
  return texture ? texture->texture->handle() : 0;
}

bool am_texture_replace(am_texture* texture, const am_texture_region* region, uint32_t level,
                        uint32_t slice, const void* bytes, uint64_t row_bytes, uint64_t image_bytes,
                        am_error** error) {
  if (!texture || !region) return false;
  return told(
      texture->texture->replace(region_of(*region), level, slice, bytes, row_bytes, image_bytes),
      error);
}

bool am_texture_get(const am_texture* texture, const am_texture_region* region, uint32_t level,
                    uint32_t slice, void* bytes, uint64_t row_bytes, uint64_t image_bytes,
                    am_error** error) {
  if (!texture || !region) return false;
  return told(
      texture->texture->get(region_of(*region), level, slice, bytes, row_bytes, image_bytes),
      error);
}

am_sampler* am_sampler_new(am_device* device, const am_sampler_state* state, am_error** error) {
  if (!device) return nullptr;
  if (!state) return give(error, user_error("a sampler needs a state, and got null")), nullptr;
  const bool known = state->min_filter <= 1 && state->mag_filter <= 1 && state->mip_filter <= 2 &&
                     state->border_color <= 2 && state->compare_function <= 7 &&
                     std::all_of(std::begin(state->address), std::end(state->address),
                                 [](uint32_t mode) { return mode <= 5; });
  if (!known)
    return give(error, user_error("a sampler's state has a number that no enumeration has")),
           nullptr;
  anymetal::SamplerState out;
  out.pixel_coordinates = state->pixel_coordinates;
  for (size_t axis = 0; axis < 3; ++axis)
    out.address[axis] = static_cast<anymetal::AddressMode>(state->address[axis]);
  out.minify = static_cast<anymetal::Filter>(state->min_filter);
  out.magnify = static_cast<anymetal::Filter>(state->mag_filter);
  out.mip = static_cast<anymetal::MipFilter>(state->mip_filter);
  out.border = static_cast<anymetal::BorderColor>(state->border_color);
  out.compare = static_cast<anymetal::CompareFunction>(state->compare_function);
  out.max_anisotropy = state->max_anisotropy;
  out.lod_min = state->lod_min;
  out.lod_max = state->lod_max;
  auto* sampler = new am_sampler;
  sampler->sampler = std::make_shared<runtime::Sampler>(out);
  return sampler;
}

uint64_t am_sampler_resource_id(const am_sampler* sampler) {
  return sampler ? sampler->sampler->handle() : 0;
}

}  // extern "C"
