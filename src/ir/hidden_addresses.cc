#include "ir/hidden_addresses.h"

#include <llvm/IR/IRBuilder.h>

#include <string>
#include <vector>

namespace anymetal {
namespace {

/// Begins the name of the function that gives back its pointer.
constexpr const char *kAddress = "am.address.", *kOfSize = "am.address.of_size.";

}  // namespace

llvm::CallInst* hide_address(llvm::Value& pointer, llvm::Instruction* before, uint64_t bytes) {
  llvm::Type* type = pointer.getType();
  const std::string space = std::to_string(type->getPointerAddressSpace());
  const std::string name =
      bytes == 0 ? kAddress + space : kOfSize + std::to_string(bytes) + "." + space;
  auto callee = before->getModule()->getOrInsertFunction(name, type, type);
  auto* function = llvm::cast<llvm::Function>(callee.getCallee());
  function->setDoesNotAccessMemory();
  function->setDoesNotThrow();
  function->setWillReturn();
  return llvm::IRBuilder<>(before).CreateCall(callee, {&pointer});
}

void show_address(llvm::CallInst& hidden) {
  llvm::Function* callee = hidden.getCalledFunction();
  hidden.replaceAllUsesWith(hidden.getArgOperand(0));
  hidden.eraseFromParent();
  if (callee->use_empty()) callee->eraseFromParent();
}

void show_addresses(llvm::Module& module, bool of_sizes) {
  for (llvm::Function& function : llvm::make_early_inc_range(module)) {
    if (!function.getName().starts_with(of_sizes ? kOfSize : kAddress)) continue;
    const std::vector<llvm::User*> calls(function.user_begin(), function.user_end());
    for (llvm::User* call : calls) show_address(*llvm::cast<llvm::CallInst>(call));
  }
}

}  // namespace anymetal
