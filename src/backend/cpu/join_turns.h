#pragma once

#include <llvm/IR/Function.h>

namespace anymetal::backend::cpu {

/// Several turns of a loop are one where scalars of all of them can be computed side by side
/// (join_scalars.h). `lanes`: of 32 bits in a register. Returns how many loops are others now.
unsigned join_turns(llvm::Function& threadgroup, unsigned lanes);

}  // namespace anymetal::backend::cpu
