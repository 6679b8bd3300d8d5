// LLVM IR → an object file for this machine, in memory.
#pragma once

#include <llvm/IR/Module.h>

#include <string>

#include "support/result.h"

namespace anymetal::backend {

/// Sets the module's triple and data layout to the host's. First of all: passes ask for sizes.
[[nodiscard]] Result<void> set_host_target(llvm::Module& module);

struct ObjectCode {
  std::string bytes;
  uint32_t stack_bytes = 0;  ///< of all functions in it together
};

/// Machine code for the host's CPU. Multiplications and additions are fused only where flags in the
/// IR allow it.
[[nodiscard]] Result<ObjectCode> generate_code(llvm::Module& module);

/// The same as assembly, for people.
[[nodiscard]] Result<std::string> generate_assembly(llvm::Module& module);

/// The host's CPU and LLVM's version, for cache keys.
[[nodiscard]] std::string host_description();

}  // namespace anymetal::backend
