// Variables that live for a few blocks become values, before LLVM's promotion is asked.
#pragma once

#include <llvm/IR/Function.h>

namespace anymetal::simt {

/// The vectoriser keeps masks and what joins at a block in variables of the entry block. LLVM's
/// promotion walks all blocks below a store for each variable, which takes minutes where a kernel
/// has thousands of both. Most of them are read close to where they are written.
void promote_slots(llvm::Function& function);

}  // namespace anymetal::simt
