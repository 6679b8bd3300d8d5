// Calls of am.message become calls with plain numbers, which vector code can make lane by lane: one
// that says which message it is and whose, then one for each argument.
#pragma once

#include <llvm/IR/Function.h>

#include <vector>

#include "backend/kernel_image.h"
#include "support/result.h"

namespace anymetal::backend::cpu {

/// Sites are numbered in the order of the code, so they are the same in all variants if this runs
/// before anything depends on one.
[[nodiscard]] Result<void> lower_messages(llvm::Function& entry, std::vector<MessageSite>& sites);

}  // namespace anymetal::backend::cpu
