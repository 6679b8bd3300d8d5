// Accesses of a kernel's own variables and tables that may be outside. To LLVM these are
// impossible, and so is all that leads there: of `for (k = 0; k < 6; ++k) s += t[k]`, with four
// elements, nothing would be left.
#pragma once

#include <llvm/IR/Function.h>

namespace anymetal::backend::cpu {

/// Keeps what may be outside of a variable or a table inside of it: reads then give 0, and writes
/// are none, also through pointers that loops move or conditions choose. What is read from a table
/// by an unknown index is read from what stands for it (hidden_tables.h), of which LLVM knows
/// nothing; simt::guard_accesses keeps it inside.
void guard_variables(llvm::Function& entry);

}  // namespace anymetal::backend::cpu
