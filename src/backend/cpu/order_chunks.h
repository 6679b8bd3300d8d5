#pragma once

#include <llvm/IR/Function.h>

namespace anymetal::backend::cpu {

/// Computes one chunk after the other where all of them at once take more registers than there are.
void order_chunks(llvm::Function& threadgroup, unsigned registers);

}  // namespace anymetal::backend::cpu
