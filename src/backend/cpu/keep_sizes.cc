#include "backend/cpu/keep_sizes.h"

#include <llvm/ADT/DenseMap.h>
#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>

#include <vector>

#include "ir/hidden_addresses.h"

namespace anymetal::backend::cpu {

llvm::PreservedAnalyses KeepSizesPass::run(llvm::Function& function,
                                           llvm::FunctionAnalysisManager& /*analyses*/) {
  struct Access {
    llvm::Instruction* instruction;
    const llvm::Value* object;
    uint64_t bytes;  ///< of an element: each one is checked for itself
  };
  std::vector<Access> accesses;
  llvm::DenseMap<const llvm::Value*, uint64_t> least;
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    const llvm::Value* pointer = llvm::getLoadStorePointerOperand(&instruction);
    if (!pointer || instruction.isAtomic()) continue;
    const llvm::Value* object = llvm::getUnderlyingObject(pointer, 0);
    const llvm::Type* type = llvm::getLoadStoreType(&instruction)->getScalarType();
    if (llvm::isa<llvm::AllocaInst>(object) || type->isAggregateType()) continue;
    const uint64_t bytes =
        function.getDataLayout().getTypeStoreSize(const_cast<llvm::Type*>(type)).getFixedValue();
    const auto [known, is_new] = least.try_emplace(object, bytes);
    if (!is_new) known->second = std::min(known->second, bytes);
    accesses.push_back({&instruction, object, bytes});
  }
  bool has_changed = false;
  for (const Access& access : accesses) {
    if (access.bytes == least[access.object]) continue;
    llvm::Value* pointer = llvm::getLoadStorePointerOperand(access.instruction);
    access.instruction->replaceUsesOfWith(pointer,
                                          hide_address(*pointer, access.instruction, access.bytes));
    has_changed = true;
  }
  return has_changed ? llvm::PreservedAnalyses::none() : llvm::PreservedAnalyses::all();
}

llvm::PreservedAnalyses JoinSizesPass::run(llvm::Function& function,
                                           llvm::FunctionAnalysisManager& /*analyses*/) {
  show_addresses(*function.getParent(), /*of_sizes=*/true);
  return llvm::PreservedAnalyses::none();
}

}  // namespace anymetal::backend::cpu
