#pragma once

#include <llvm/IR/Function.h>

namespace anymetal::backend::cpu {

/// Sums of all lanes, and what loops carry from turn to turn, are computed in the order in which
/// lanes lie in memory, where that saves permutations. `lanes`: of 32 bits in a register. Returns
/// how many sums and loops are others now.
unsigned reorder_lanes(llvm::Function& threadgroup, unsigned lanes);

}  // namespace anymetal::backend::cpu
