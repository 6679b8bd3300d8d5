// Tables whose contents LLVM isn't to know: it folds what is read at a place that it sees, and what
// is outside is nothing it would read. Each has something of its size in its place until then.
#pragma once

#include <llvm/IR/GlobalVariable.h>
#include <llvm/IR/Module.h>

namespace anymetal::backend {

/// What stands for the table.
[[nodiscard]] llvm::GlobalVariable& hidden_table(llvm::GlobalVariable& table);

/// All tables of the module, everywhere.
void hide_tables(llvm::Module& module);

/// Puts tables back where something stands for them.
void show_tables(llvm::Module& module);

}  // namespace anymetal::backend
