// From what Clang's code generator writes to the contract in docs/design/ir.md: constants filled
// in, threadgroup variables declared, the rest internal, what isn't reached gone; and the checks
// that need the whole program of a kernel (recursion, undefined functions).
#pragma once

#include <llvm/IR/Module.h>

#include <map>
#include <string>

#include "support/result.h"

namespace anymetal::language {

struct FinishOptions {
  std::string entry;
  /// A pragma of the text restricts how arithmetic may be transformed.
  bool restricts_arithmetic = false;
  /// Bytes of each function constant that has a value, by IR name of its variable.
  std::map<std::string, std::string> constants;
  /// What the user calls a function constant, by IR name.
  std::map<std::string, std::string> constant_names;
};

/// `threadgroup_bytes` receives the static threadgroup memory, each variable aligned to 16.
[[nodiscard]] Result<void> finish_module(llvm::Module& module, const FinishOptions& options,
                                         uint32_t& threadgroup_bytes);

}  // namespace anymetal::language
