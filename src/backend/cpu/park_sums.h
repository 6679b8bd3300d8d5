#pragma once

#include <llvm/IR/Function.h>

#include "backend/llvm_passes.h"

namespace anymetal::backend::cpu {

/// Where a block has more sums than there are registers, and adds much to each of them before it
/// turns to the next: keeps them in memory in between. Says how many.
unsigned park_sums(llvm::Function& threadgroup, unsigned registers, LlvmPasses& passes);

}  // namespace anymetal::backend::cpu
