#include "simt/transform/repair_dominance.h"

#include <llvm/IR/Dominators.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/Transforms/Utils/Local.h>
#include <llvm/Transforms/Utils/SSAUpdater.h>

#include <vector>

namespace anymetal::simt {

void repair_dominance(llvm::Function& function) {
  const llvm::DominatorTree dominators(function);
  std::vector<llvm::Instruction*> broken;
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    const bool fails = llvm::any_of(instruction.uses(), [&](const llvm::Use& use) {
      return !dominators.dominates(&instruction, use);
    });
    if (fails) broken.push_back(&instruction);
  }
  for (llvm::Instruction* instruction : broken) {
    llvm::SSAUpdater updater;
    updater.Initialize(instruction->getType(), instruction->getName());
    updater.AddAvailableValue(&function.getEntryBlock(),
                              llvm::Constant::getNullValue(instruction->getType()));
    updater.AddAvailableValue(instruction->getParent(), instruction);
    llvm::SmallVector<llvm::Use*, 8> uses;
    for (llvm::Use& use : instruction->uses()) {
      if (!dominators.dominates(instruction, use)) uses.push_back(&use);
    }
    for (llvm::Use* use : uses) updater.RewriteUse(*use);
  }
}

}  // namespace anymetal::simt
