#include "backend/cpu/keep_sizes.h"

#include <llvm/ADT/DenseMap.h>
#include <llvm/ADT/EquivalenceClasses.h>
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
  // Those that one pointer may lead to are as one: LLVM looks through the phi that they meet in.
  llvm::EquivalenceClasses<const llvm::Value*> together;
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    const llvm::Value* pointer = llvm::getLoadStorePointerOperand(&instruction);
    if (!pointer || instruction.isAtomic()) continue;
    llvm::SmallVector<const llvm::Value*, 4> objects;
    llvm::getUnderlyingObjects(pointer, objects, nullptr, 0);
    const llvm::Value* object = objects.front();
    for (const llvm::Value* other : objects) together.unionSets(object, other);
    const llvm::Type* type = llvm::getLoadStoreType(&instruction)->getScalarType();
    if (llvm::isa<llvm::AllocaInst>(object) || type->isAggregateType()) continue;
    const uint64_t bytes =
        function.getDataLayout().getTypeStoreSize(const_cast<llvm::Type*>(type)).getFixedValue();
    accesses.push_back({&instruction, object, bytes});
  }
  llvm::DenseMap<const llvm::Value*, uint64_t> least;
  for (Access& access : accesses) {
    access.object = together.getLeaderValue(access.object);
    const auto [known, is_new] = least.try_emplace(access.object, access.bytes);
    if (!is_new) known->second = std::min(known->second, access.bytes);
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
