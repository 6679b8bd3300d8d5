// Tables whose contents LLVM isn't to know for a while: it folds what is read at a place that it
// sees, and what is outside is nothing it would read.
#pragma once

#include <llvm/IR/GlobalVariable.h>
#include <llvm/IR/Module.h>

namespace anymetal::backend {

/// Something of the table's size, which stands for it.
[[nodiscard]] llvm::GlobalVariable& hidden_table(llvm::GlobalVariable& table);

/// All tables of the module, everywhere.
void hide_tables(llvm::Module& module);

/// Puts tables back where something stands for them.
void show_tables(llvm::Module& module);

}  // namespace anymetal::backend
