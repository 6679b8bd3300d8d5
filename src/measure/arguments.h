// Copies of what a launch was given, to run it again on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/runtime.h"

namespace anymetal::measure {

/// The buffers of one launch, as copies. Arguments that overlapped overlap again.
class ArgumentCopies {
 public:
  /// Errors: environment, if there is no memory.
  [[nodiscard]] static Result<std::shared_ptr<ArgumentCopies>> copy(
      const KernelInterface& interface, const runtime::Launch& launch);

  /// What copying takes.
  [[nodiscard]] static uint64_t bytes_needed(const KernelInterface& interface,
                                             const runtime::Launch& launch);

  /// By buffer index, as Launch::buffers.
  [[nodiscard]] std::span<const runtime::Argument> buffers() const { return buffers_; }
  /// Everything that isn't const as it was at first.
  void restore();

 private:
  struct Block {
    std::shared_ptr<runtime::Buffer> memory;
    std::shared_ptr<runtime::Buffer> before;  ///< null: kernels only read it
    uint64_t bytes = 0;
  };
  std::vector<Block> blocks_;
  std::vector<runtime::Argument> buffers_;
};

}  // namespace anymetal::measure
