// Accesses of a kernel's own variables and tables that may be outside. To LLVM these are
// impossible, and so is all that leads there: of `for (k = 0; k < 6; ++k) s += t[k]`, with four
// elements, nothing would be left.
#pragma once

#include <llvm/IR/Function.h>

namespace anymetal::backend::cpu {

/// Where such an access isn't provably inside, it is of the object's beginning if it is outside:
/// reads then give 0, and writes write what was there. Of variables all reads; of both, what is
/// compared and what may be at a known place once loops are counted out and ways told apart; of
/// all, those of an object with a single element. Also through pointers that loops move or
/// conditions choose. The others, of which LLVM knows nothing, are left to simt::guard_accesses.
void guard_variables(llvm::Function& entry);

}  // namespace anymetal::backend::cpu
