// Accesses of a kernel's own variables and tables that may be outside. To LLVM these are
// impossible, and so is all that leads there: of `for (k = 0; k < 6; ++k) s += t[k]`, with four
// elements, nothing would be left.
#pragma once

#include <llvm/IR/Function.h>

namespace anymetal::backend::cpu {

/// Where such an access isn't provably inside, its indices are 0 if it is outside: reads then give
/// 0, and writes write what was there. Of reads those whose indices may be numbers once loops are
/// counted out, and those that are compared; of all, those of an object with a single element. The
/// others, of which LLVM knows nothing, are left to simt::guard_accesses, and so are writes outside
/// that LLVM drops by itself.
void guard_variables(llvm::Function& entry);

}  // namespace anymetal::backend::cpu
