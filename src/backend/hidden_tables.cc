#include "backend/hidden_tables.h"

#include <string>

namespace anymetal::backend {
namespace {

/// Begins the name of what stands for a table.
constexpr const char* kHidden = "am.table.";

}  // namespace

llvm::GlobalVariable& hidden_table(llvm::GlobalVariable& table) {
  llvm::Module& module = *table.getParent();
  if (!table.hasName()) table.setName("table");
  const std::string name = kHidden + table.getName().str();
  if (llvm::GlobalVariable* known = module.getNamedGlobal(name)) return *known;
  auto* hidden = new llvm::GlobalVariable(
      module, table.getValueType(), /*isConstant=*/true, llvm::GlobalValue::ExternalLinkage,
      nullptr, name, nullptr, llvm::GlobalValue::NotThreadLocal, table.getAddressSpace());
  hidden->setAlignment(table.getAlign());
  return *hidden;
}

void hide_tables(llvm::Module& module) {
  for (llvm::GlobalVariable& table : llvm::make_early_inc_range(module.globals())) {
    if (!table.isConstant() || !table.hasDefinitiveInitializer() || table.use_empty() ||
        table.getName().starts_with("llvm."))
      continue;
    table.replaceAllUsesWith(&hidden_table(table));
  }
}

void show_tables(llvm::Module& module) {
  for (llvm::GlobalVariable& hidden : llvm::make_early_inc_range(module.globals())) {
    llvm::StringRef name = hidden.getName();
    if (!name.consume_front(kHidden)) continue;
    hidden.replaceAllUsesWith(module.getNamedGlobal(name));
    hidden.eraseFromParent();
  }
}

}  // namespace anymetal::backend
