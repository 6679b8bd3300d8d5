// Buffers that a processor's thread has for itself (accumulators.h) needn't be locked: where the
// frame says that one is such, its atomic operations are a load and a store.
#pragma once

#include <llvm/IR/Function.h>

#include <span>

#include "backend/cpu/accumulators.h"

namespace anymetal::backend::cpu {

/// `found`: of the entry's parameters, those that may be. Gives the number of operations that have
/// a form without a lock beside the one with it.
unsigned own_accumulators(llvm::Function& threadgroup, std::span<const Accumulator> found);

}  // namespace anymetal::backend::cpu
