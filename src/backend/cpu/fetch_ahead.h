#pragma once

#include <llvm/IR/Function.h>

#include "backend/llvm_passes.h"

namespace anymetal::backend::cpu {

/// Asks for what later turns of loops read and write, where no processor guesses it: each turn far
/// from the last one. Returns for how many accesses.
unsigned fetch_ahead(llvm::Function& threadgroup, LlvmPasses& passes);

}  // namespace anymetal::backend::cpu
