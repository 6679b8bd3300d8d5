// Lanes' pairs become matrices.
#pragma once

#include <llvm/IR/Function.h>

namespace anymetal::simt {

/// Products of matrices, and what carries their results round loops, get the type simt.matrix.
void form_matrices(llvm::Function& entry);

}  // namespace anymetal::simt
