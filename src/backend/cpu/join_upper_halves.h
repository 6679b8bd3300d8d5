#pragma once

#include <llvm/IR/Function.h>

namespace anymetal::backend::cpu {

/// Stores side by side of the upper halves of words, a register of words each, are one store of a
/// permutation that picks both. `lanes`: words of a register. Returns how many.
unsigned join_upper_halves(llvm::Function& threadgroup, unsigned lanes);

}  // namespace anymetal::backend::cpu
