// Loops that may run for long, or for ever: the code asks in each turn whether it is to stop.
#pragma once

#include <llvm/ADT/DenseSet.h>
#include <llvm/IR/Function.h>

namespace anymetal::simt {

/// The headers of all loops that aren't known to end after some thousand turns.
[[nodiscard]] llvm::DenseSet<const llvm::BasicBlock*> find_long_loops(llvm::Function& function);

}  // namespace anymetal::simt
