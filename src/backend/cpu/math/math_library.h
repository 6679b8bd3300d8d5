// The math builtins as IR: scalar code without calls, loops or, but for rare operands, branches,
// that the vectoriser can turn into vectors. docs/design/math.md has the chapter.
#pragma once

#include <llvm/IR/Module.h>

#include <string_view>

#include "support/result.h"

namespace anymetal::backend {

/// Defines those math builtins (groups math and integer of the builtin table) that the module
/// declares and uses. The definitions are internal, touch no memory, and are to be inlined. A
/// module that uses none is left as it is.
[[nodiscard]] Result<void> link_math(llvm::Module& module);

/// All of them, as LLVM bitcode.
[[nodiscard]] std::string_view math_bitcode();

}  // namespace anymetal::backend
