// The arguments of a call as what the runtime takes: one piece of memory for each buffer index,
// textures and samplers by theirs.
#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "anymetal/library.hpp"
#include "ir/kernel_interface.h"
#include "language/language.h"
#include "runtime/runtime.h"
#include "support/result.h"

namespace anymetal::api {

/// Buffers by index, with the copies that some of them point to. Not movable: the runtime's spans
/// point into it.
class BoundArguments {
 public:
  BoundArguments() = default;
  BoundArguments(const BoundArguments&) = delete;
  BoundArguments& operator=(const BoundArguments&) = delete;

  [[nodiscard]] std::span<const runtime::Argument> buffers() const {
    return {buffers_.data(), count_};
  }
  /// What kernels reach through pointers in other buffers.
  [[nodiscard]] std::span<const runtime::Argument> resident() const { return resident_; }

  [[nodiscard]] std::span<const runtime::Texture* const> textures() const { return textures_; }
  [[nodiscard]] std::span<const runtime::Sampler* const> samplers() const { return samplers_; }

  void bind(uint32_t index, runtime::Argument argument);
  void bind_texture(uint32_t index, const runtime::Texture* texture);
  void bind_sampler(uint32_t index, uint64_t state);
  void make_resident(runtime::Argument argument) { resident_.push_back(argument); }
  /// Zeroed memory that lives as long as this, aligned to 64 bytes.
  [[nodiscard]] std::span<std::byte> copy_space(size_t bytes);

 private:
  struct alignas(64) Line {
    std::byte bytes[64] = {};
  };
  std::array<runtime::Argument, 32> buffers_{};
  size_t count_ = 0;
  std::vector<runtime::Argument> resident_;
  std::deque<std::vector<Line>> copies_;
  std::vector<const runtime::Texture*> textures_;
  std::vector<const runtime::Sampler*> samplers_;
  std::deque<runtime::Sampler> made_samplers_;
};

/// Matches arguments with the kernel's buffers (positions first, then names) and binds each.
/// Errors: user, with the parameter, where it was declared, and what to do.
[[nodiscard]] Result<void> bind_arguments(const KernelInterface& kernel, const KernelCall& call,
                                          BoundArguments& out);

/// Function constants of `file`, which has `known`, set to values. Errors: user, for one that isn't
/// there (with those that are) and for a value that its type can't hold.
[[nodiscard]] ANYMETAL_PRIVATE_API Result<std::vector<language::ConstantValue>> constant_values(
    std::span<const FunctionConstant> known, std::string_view file, const ConstantValues& values);

}  // namespace anymetal::api
