// What comes in: the interface of a kernel and a launch as the caller wrote it. What goes out:
// nothing, or the first thing that is wrong with it. Metal itself says nothing in most of these
// cases and computes zeros or garbage, so the messages are written for somebody whose kernel seems
// to work elsewhere. Back ends rely on every check here and repeat none.
#include "runtime/validate_launch.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace anymetal::runtime {

namespace {

// Back ends count threads and threadgroups of a grid in 64 bits, rounded up to whole threadgroups.
constexpr uint64_t kMaxThreads = uint64_t{1} << 62;

Result<void> check_threadgroup(const KernelInterface& kernel, const Limits& limits,
                               Extent threadgroup) {
  if (threadgroup.x == 0 || threadgroup.y == 0 || threadgroup.z == 0)
    return user_error(
        fmt::format("kernel `{}`: threadgroup {} has a zero: every dimension must be at least 1",
                    kernel.name, describe(threadgroup)));
  uint32_t limit =
      std::min(limits.threads_per_threadgroup, kernel.max_total_threads_per_threadgroup);
  // Each dimension first: the product of three of them can overflow.
  bool over = threadgroup.x > limit || threadgroup.y > limit || threadgroup.z > limit;
  if (!over) over = threadgroup.volume() > limit;
  if (!over) return {};
  auto total = static_cast<unsigned __int128>(threadgroup.x) * threadgroup.y * threadgroup.z;
  std::string threads = total > std::numeric_limits<uint64_t>::max()
                            ? "more than 2^64"
                            : grouped(static_cast<uint64_t>(total));
  const char* whose = limit < limits.threads_per_threadgroup
                          ? "by its [[max_total_threads_per_threadgroup]]"
                          : "as on every Apple GPU";
  return user_error(
      fmt::format("kernel `{}`: threadgroup {} has {} threads, and the limit is {} {}: "
                  "choose a smaller threadgroup",
                  kernel.name, describe(threadgroup), threads, grouped(limit), whose));
}

Result<void> check_grid(const KernelInterface& kernel, Extent grid, Extent threadgroup) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0)
    return user_error(
        fmt::format("kernel `{}`: grid {} has a zero: the grid counts threads, and every dimension "
                    "must be at least 1",
                    kernel.name, describe(grid)));
  auto padded = [](uint32_t threads, uint32_t group) -> uint64_t {
    return (uint64_t{threads} + group - 1) / group * group;
  };
  // Each is below 2^33, so two factors fit into 128 bits, and the third is divided for.
  unsigned __int128 plane = padded(grid.x, threadgroup.x);
  plane *= padded(grid.y, threadgroup.y);
  if (plane > kMaxThreads / padded(grid.z, threadgroup.z))
    return user_error(
        fmt::format("kernel `{}`: grid {} has more than 2^62 threads, which can't be "
                    "counted: check the sizes that it was computed from",
                    kernel.name, describe(grid)));
  return {};
}

Result<void> check_buffer(const KernelInterface& kernel, const Parameter& p,
                          const Argument* bound) {
  if (p.is_optional && (!bound || !bound->data)) return {};
  if (!bound || !bound->data)
    return user_error(fmt::format("kernel `{}`: buffer {} (`{}`) is {}: bind one", kernel.name,
                                  p.index, anymetal::describe(p), bound ? "null" : "missing"));
  if (p.is_reference && bound->size < p.size)
    return user_error(
        fmt::format("kernel `{}`: buffer {} (`{}`) has {} bytes, and the reference "
                    "needs {}: bind a larger one",
                    kernel.name, p.index, anymetal::describe(p), bound->size, p.size));
  auto address = reinterpret_cast<uintptr_t>(bound->data);
  if (p.alignment > 1 && address % p.alignment != 0)
    return user_error(fmt::format(
        "kernel `{}`: buffer {} (`{}`) starts at an address that is not a multiple of {}, the "
        "alignment of `{}`: change its offset",
        kernel.name, p.index, anymetal::describe(p), p.alignment, p.type));
  return {};
}

Result<void> check_extra_buffers(const KernelInterface& kernel, const Limits& limits,
                                 std::span<const Argument> buffers) {
  for (size_t i = 0; i < buffers.size(); ++i) {
    if (!buffers[i].data) continue;
    if (i >= limits.buffers)
      return user_error(
          fmt::format("kernel `{}`: buffer index {} is over the limit of {} buffers (0 to "
                      "{}): pass fewer buffers, or pack several into one",
                      kernel.name, i, limits.buffers, limits.buffers - 1));
    if (!kernel.find_buffer(static_cast<uint32_t>(i)))
      return user_error(
          fmt::format("kernel `{}`: a buffer is bound at index {}, and the kernel has no "
                      "[[buffer({})]]: bind only what it declares",
                      kernel.name, i, i));
  }
  return {};
}

bool is_depth(const PixelFormat& format) {
  return format.layout == TexelLayout::depth;
}

/// What a texture holds, as the types of a kernel's textures say it.
const char* words_of(TexelClass texel) {
  return texel == TexelClass::uint   ? "uint or ushort"
         : texel == TexelClass::sint ? "int or short"
                                     : "float or half";
}

TexelClass texel_class(const PixelFormat& format) {
  if (format.kind == ComponentKind::uint) return TexelClass::uint;
  return format.kind == ComponentKind::sint ? TexelClass::sint : TexelClass::floating;
}

Result<void> check_texture(const KernelInterface& kernel, const Parameter& p, uint32_t index,
                           const Texture& texture) {
  const auto wrong = [&](const std::string& what) {
    return user_error(fmt::format("kernel `{}`: texture {} (`{}`) {}", kernel.name, index,
                                  anymetal::describe(p), what));
  };
  const TextureUse& use = p.texture;
  const PixelFormat& format = texture.format();
  const uint32_t usage = texture.shape().usage;
  if (texture.shape().type != use.type)
    return wrong(fmt::format("is a {}, and the kernel takes a {}: bind one of that type",
                             describe(texture.shape().type), describe(use.type)));
  if (texel_class(format) != use.texel)
    return wrong(
        fmt::format("has the format {}, which a kernel reads and writes as {}: change the "
                    "format or the kernel's type",
                    format.name, words_of(texel_class(format))));
  if (use.depth && format.components != 1)
    return wrong(
        fmt::format("has the format {}, and a depth texture has one component: use "
                    "depth32float or depth16unorm",
                    format.name));
  const bool writes = use.access == TextureAccess::write || use.access == TextureAccess::read_write;
  if (writes && is_depth(format))
    return wrong(fmt::format("has the format {}, which can't be written to", format.name));
  if (usage != 0 && use.access != TextureAccess::write && !(usage & kTextureRead))
    return wrong("is read, and was made without the usage for it: add ShaderRead");
  if (usage != 0 && writes && !(usage & kTextureWrite))
    return wrong("is written to, and was made without the usage for it: add ShaderWrite");
  return {};
}

/// Of several textures at one index, function constants leave one at most.
bool fits_another(const KernelInterface& kernel, const Parameter& p, uint32_t index,
                  const Texture& texture) {
  return std::ranges::any_of(kernel.parameters, [&](const Parameter& other) {
    return &other != &p && other.kind == ParameterKind::texture && other.is_optional &&
           index >= other.index && index - other.index < other.count &&
           check_texture(kernel, other, index, texture).ok();
  });
}

Result<void> check_textures(const KernelInterface& kernel, const Launch& launch) {
  for (const Parameter& p : kernel.parameters) {
    if (p.kind != ParameterKind::texture && p.kind != ParameterKind::sampler) continue;
    const bool is_texture = p.kind == ParameterKind::texture;
    for (uint32_t index = p.index; index < p.index + p.count; ++index) {
      const Texture* texture =
          is_texture && index < launch.textures.size() ? launch.textures[index] : nullptr;
      const bool has_sampler = index < launch.samplers.size() && launch.samplers[index];
      // Elements of an array may stay empty: they read as zeros.
      if (p.count == 1 && !p.is_optional && (is_texture ? !texture : !has_sampler))
        return user_error(fmt::format("kernel `{}`: {} {} (`{}`) is missing: bind one", kernel.name,
                                      is_texture ? "texture" : "sampler", index,
                                      anymetal::describe(p)));
      if (!texture || (p.is_optional && fits_another(kernel, p, index, *texture))) continue;
      ANYMETAL_RETURN_IF_ERROR(check_texture(kernel, p, index, *texture));
    }
  }
  return {};
}

/// What is bound where the kernel has nothing.
Result<void> check_extra_textures(const KernelInterface& kernel, const Launch& launch) {
  const auto has = [&](ParameterKind kind, size_t index) {
    return std::any_of(kernel.parameters.begin(), kernel.parameters.end(), [&](const Parameter& p) {
      return p.kind == kind && index >= p.index && index - p.index < p.count;
    });
  };
  const auto check = [&](ParameterKind kind, const char* word, auto bound) -> Result<void> {
    for (size_t i = 0; i < bound.size(); ++i)
      if (bound[i] && !has(kind, i))
        return user_error(
            fmt::format("kernel `{}`: a {} is bound at index {}, and the kernel has no [[{}({})]]: "
                        "bind only what it declares",
                        kernel.name, word, i, word, i));
    return {};
  };
  ANYMETAL_RETURN_IF_ERROR(check(ParameterKind::texture, "texture", launch.textures));
  return check(ParameterKind::sampler, "sampler", launch.samplers);
}

Result<void> check_threadgroup_memory(const KernelInterface& kernel, const Limits& limits,
                                      std::span<const uint32_t> lengths) {
  uint64_t total = kernel.threadgroup_bytes;
  for (const Parameter& p : kernel.parameters) {
    if (p.kind != ParameterKind::threadgroup) continue;
    const uint32_t length = p.index < lengths.size() ? lengths[p.index] : 0;
    if (length == 0 && p.is_optional) continue;
    if (length == 0)
      return user_error(
          fmt::format("kernel `{}`: threadgroup memory {} (`{}`) has no length: set one, a "
                      "multiple of 16 bytes",
                      kernel.name, p.index, anymetal::describe(p)));
    if (length % 16 != 0)
      return user_error(
          fmt::format("kernel `{}`: threadgroup memory {} (`{}`) has {} bytes: the "
                      "length must be a multiple of 16",
                      kernel.name, p.index, anymetal::describe(p), grouped(length)));
    total += length;
  }
  if (total > limits.threadgroup_bytes)
    return user_error(
        fmt::format("kernel `{}`: {} bytes of threadgroup memory ({} declared, {} set at the "
                    "dispatch) are over "
                    "the limit of {}: use less",
                    kernel.name, grouped(total), grouped(kernel.threadgroup_bytes),
                    grouped(total - kernel.threadgroup_bytes), grouped(limits.threadgroup_bytes)));
  return {};
}

Result<void> check_texture_index(const KernelInterface& kernel, const Limits& limits,
                                 const Parameter& p) {
  if (p.kind == ParameterKind::attribute) return {};
  const bool is_texture = p.kind == ParameterKind::texture;
  const uint32_t limit = is_texture ? limits.textures : limits.samplers;
  if (uint64_t{p.index} + p.count <= limit) return {};
  return user_error(fmt::format("kernel `{}`: `{}` is over the limit of {} {}: use fewer",
                                kernel.name, anymetal::describe(p), limit,
                                is_texture ? "textures" : "samplers"));
}

}  // namespace

std::string grouped(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

std::string describe(Extent extent) {
  return fmt::format("({}, {}, {})", extent.x, extent.y, extent.z);
}

Result<Extent> checked_extent(std::string_view what, int64_t x, int64_t y, int64_t z) {
  const int64_t sizes[] = {x, y, z};
  for (int i = 0; i < 3; ++i) {
    const char* problem = sizes[i] < 0     ? "is negative"
                          : sizes[i] == 0  ? "is zero"
                          : sizes[i] >> 32 ? "is over the limit of 4,294,967,295"
                                           : nullptr;
    if (problem)
      return user_error(
          fmt::format("{} ({}, {}, {}): dimension {} {}; sizes count threads and are at "
                      "least 1",
                      what, x, y, z, "xyz"[i], problem));
  }
  return Extent{static_cast<uint32_t>(x), static_cast<uint32_t>(y), static_cast<uint32_t>(z)};
}

Result<void> validate_interface(const KernelInterface& kernel, const Limits& limits) {
  uint32_t buffers = 0;
  for (const Parameter& p : kernel.parameters) buffers += p.kind == ParameterKind::buffer;
  for (const Parameter& p : kernel.parameters) {
    if (p.kind != ParameterKind::buffer && p.kind != ParameterKind::threadgroup) {
      ANYMETAL_RETURN_IF_ERROR(check_texture_index(kernel, limits, p));
      continue;
    }
    if (p.index >= limits.buffers)
      return user_error(
          fmt::format("kernel `{}`: `{}` is over the limit of {} {} (0 to {}; the kernel has "
                      "{} buffers): pack several into one",
                      kernel.name, anymetal::describe(p), limits.buffers,
                      p.kind == ParameterKind::buffer ? "buffers" : "threadgroup arguments",
                      limits.buffers - 1, buffers));
  }
  if (kernel.threadgroup_bytes > limits.threadgroup_bytes)
    return user_error(fmt::format(
        "kernel `{}` declares {} bytes of threadgroup memory, and the limit is {}: "
        "use smaller arrays",
        kernel.name, grouped(kernel.threadgroup_bytes), grouped(limits.threadgroup_bytes)));
  return {};
}

Result<void> validate_launch(const KernelInterface& kernel, const Limits& limits,
                             const Launch& launch) {
  ANYMETAL_RETURN_IF_ERROR(check_threadgroup(kernel, limits, launch.threadgroup));
  ANYMETAL_RETURN_IF_ERROR(check_grid(kernel, launch.grid, launch.threadgroup));
  for (const Parameter& p : kernel.parameters) {
    if (p.kind != ParameterKind::buffer) continue;
    const Argument* bound = p.index < launch.buffers.size() ? &launch.buffers[p.index] : nullptr;
    ANYMETAL_RETURN_IF_ERROR(check_buffer(kernel, p, bound));
  }
  ANYMETAL_RETURN_IF_ERROR(check_extra_buffers(kernel, limits, launch.buffers));
  ANYMETAL_RETURN_IF_ERROR(check_textures(kernel, launch));
  ANYMETAL_RETURN_IF_ERROR(check_extra_textures(kernel, launch));
  return check_threadgroup_memory(kernel, limits, launch.threadgroup_lengths);
}

}  // namespace anymetal::runtime
