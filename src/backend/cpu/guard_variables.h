// Accesses of a kernel's own variables and tables that may be outside. To LLVM these are
// impossible, and so is all that leads there: of `for (k = 0; k < 6; ++k) s += t[k]`, with four
// elements, nothing would be left.
#pragma once

#include <llvm/IR/Function.h>

namespace anymetal::backend::cpu {

/// Keeps what may be outside of a variable or a table inside of it: reads then give 0, and writes
/// are none. Of variables all reads and copies, and those writes that LLVM would take for possible
/// inside alone; of both, what may be at a known place, also through pointers that loops move or
/// conditions choose. Of tables, what is read by unknown indices is read from something in their
/// place that LLVM knows nothing of; simt::guard_accesses keeps it inside.
void guard_variables(llvm::Function& entry);

/// Puts tables back where something stands for them.
void show_tables(llvm::Module& module);

}  // namespace anymetal::backend::cpu
