// Accesses that might leave their buffer are asked for each lane: such reads give 0, such writes
// are dropped.
#pragma once

#include <llvm/IR/Instructions.h>

#include <vector>

#include "simt/analysis/guards.h"
#include "support/result.h"

namespace anymetal::simt {

/// Puts these calls before all accesses that aren't provably inside. `is_const`: of each parameter,
/// whether it mustn't be written to. Errors: unsupported for pointers that were loaded from memory,
/// whose buffer nobody knows.
[[nodiscard]] Result<void> guard_accesses(llvm::Function& entry, const std::vector<bool>& is_const);

}  // namespace anymetal::simt
