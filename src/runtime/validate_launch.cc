// What comes in: the interface of a kernel and a launch as the caller wrote it. What goes out:
// nothing, or the first thing that is wrong with it. Metal itself says nothing in most of these
// cases and computes zeros or garbage, so the messages are written for somebody whose kernel seems
// to work elsewhere. Back ends rely on every check here and repeat none.
#include "runtime/validate_launch.h"

#include <fmt/format.h>

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

Result<void> check_threadgroup_memory(const KernelInterface& kernel, const Limits& limits,
                                      std::span<const uint32_t> lengths) {
  uint64_t total = kernel.threadgroup_bytes;
  for (const Parameter& p : kernel.parameters) {
    if (p.kind != ParameterKind::threadgroup) continue;
    uint32_t length = p.index < lengths.size() ? lengths[p.index] : 0;
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
    if (p.kind == ParameterKind::attribute) continue;
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
  return check_threadgroup_memory(kernel, limits, launch.threadgroup_lengths);
}

}  // namespace anymetal::runtime
