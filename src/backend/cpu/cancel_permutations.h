#pragma once

#include <llvm/IR/Function.h>

namespace anymetal::backend::cpu {

/// What is loaded, taken apart by lanes, computed with in the same way in each part, and put
/// together again to be stored, is computed with as it lies in memory. `lanes`: of 32 bits in a
/// register. Returns how many stores are others now.
unsigned cancel_permutations(llvm::Function& threadgroup, unsigned lanes);

}  // namespace anymetal::backend::cpu
