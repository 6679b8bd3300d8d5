// Which `or` is a sum.
#pragma once

#include <llvm/IR/Function.h>

namespace anymetal::simt {

/// Marks each `or` of integers that have no bit in common, by what loops count: LLVM makes sums
/// such, and forgets later why it could. Returns how many.
unsigned mark_disjoint(llvm::Function& function);

}  // namespace anymetal::simt
