// Argument buffers behind their handle. On Apple's machines an argument buffer of tier 2 is the
// struct itself, pointers as addresses; so it is here, and the encoder only knows where each member
// is.
#include <fmt/format.h>

#include <cstring>

#include "core/object.h"

namespace {

/// The member with index `index`: by [[id(n)]], or where none is given by its place in the struct.
const anymetal::Field* find_member(const am_argument_encoder& encoder, uint64_t index) {
  uint64_t next = 0;
  for (const anymetal::Field& field : encoder.parameter.fields) {
    if (field.id >= 0) next = static_cast<uint64_t>(field.id);
    if (next++ == index) return &field;
  }
  return nullptr;
}

std::byte* member_address(const am_argument_encoder* encoder, uint64_t index, bool is_pointer) {
  if (!encoder || !encoder->target) return nullptr;
  const anymetal::Field* member = find_member(*encoder, index);
  if (!member || member->is_pointer != is_pointer) return nullptr;
  const uint64_t end = encoder->offset + member->offset + member->size;
  if (end > encoder->target->size()) return nullptr;
  return static_cast<std::byte*>(encoder->target->data()) + encoder->offset + member->offset;
}

}  // namespace

extern "C" {

am_argument_encoder* am_argument_encoder_new(am_function* function, uint64_t index,
                                             am_error** error) {
  if (!function) return nullptr;
  const anymetal::KernelInterface& kernel = function->function->interface();
  const anymetal::Parameter* parameter =
      index <= UINT32_MAX ? kernel.find_buffer(static_cast<uint32_t>(index)) : nullptr;
  if (!parameter || parameter->fields.empty()) {
    anymetal::core::give(
        error, anymetal::user_error(fmt::format(
                   "kernel `{}`: buffer {} {}, so there is nothing to encode", kernel.name, index,
                   parameter ? "is no struct whose members hosts can set" : "isn't there")));
    return nullptr;
  }
  auto* encoder = new am_argument_encoder;
  encoder->parameter = *parameter;
  return encoder;
}

uint64_t am_argument_encoder_length(const am_argument_encoder* encoder) {
  return encoder ? encoder->parameter.size : 0;
}
uint64_t am_argument_encoder_alignment(const am_argument_encoder* encoder) {
  return encoder ? encoder->parameter.alignment : 0;
}
void am_argument_encoder_set_target(am_argument_encoder* encoder, am_buffer* buffer,
                                    uint64_t offset) {
  if (!encoder) return;
  encoder->target = buffer ? buffer->buffer : nullptr;
  encoder->offset = offset;
}
void am_argument_encoder_set_buffer(am_argument_encoder* encoder, const am_buffer* buffer,
                                    uint64_t offset, uint64_t index) {
  std::byte* to = member_address(encoder, index, /*is_pointer=*/true);
  if (!to) return;
  const std::byte* address =
      buffer ? static_cast<const std::byte*>(buffer->buffer->data()) + offset : nullptr;
  std::memcpy(to, static_cast<const void*>(&address), sizeof address);
}
void am_argument_encoder_set_texture(am_argument_encoder* encoder, const am_texture* texture,
                                     uint64_t index) {
  const uint64_t handle = am_texture_resource_id(texture);
  std::byte* to = member_address(encoder, index, /*is_pointer=*/false);
  if (to) std::memcpy(to, &handle, sizeof handle);
}
void am_argument_encoder_set_sampler(am_argument_encoder* encoder, const am_sampler* sampler,
                                     uint64_t index) {
  const uint64_t handle = am_sampler_resource_id(sampler);
  std::byte* to = member_address(encoder, index, /*is_pointer=*/false);
  if (to) std::memcpy(to, &handle, sizeof handle);
}
void* am_argument_encoder_constant(am_argument_encoder* encoder, uint64_t index) {
  return member_address(encoder, index, /*is_pointer=*/false);
}

}  // extern "C"
