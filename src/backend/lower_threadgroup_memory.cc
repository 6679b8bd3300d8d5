#include "backend/lower_threadgroup_memory.h"

#include <llvm/IR/GlobalVariable.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/ReplaceConstant.h>
#include <llvm/Support/Alignment.h>

#include <algorithm>
#include <vector>

#include "ir/thread_ir.h"

namespace anymetal::backend {

uint32_t lower_threadgroup_memory(llvm::Function& function, size_t member,
                                  uint64_t least_alignment) {
  llvm::Module& module = *function.getParent();
  std::vector<llvm::GlobalVariable*> variables;
  for (llvm::GlobalVariable& variable : module.globals()) {
    if (variable.getAddressSpace() == kThreadgroupSpace) variables.push_back(&variable);
  }
  if (variables.empty()) return 0;
  const std::vector<llvm::Constant*> constants(variables.begin(), variables.end());
  llvm::convertUsersOfConstantsToInstructions(constants);
  llvm::IRBuilder<> builder(&*function.getEntryBlock().getFirstInsertionPt());
  llvm::Value* arena = builder.CreateLoad(
      builder.getPtrTy(),
      builder.CreateConstInBoundsGEP1_64(builder.getInt8Ty(), function.getArg(0), member), "arena");
  uint64_t bytes = 0;
  for (llvm::GlobalVariable* variable : variables) {
    const auto alignment =
        std::max(llvm::Align(least_alignment), variable->getAlign().valueOrOne());
    bytes = llvm::alignTo(bytes, alignment);
    llvm::Value* address =
        builder.CreateConstGEP1_64(builder.getInt8Ty(), arena, bytes, variable->getName());
    variable->replaceAllUsesWith(builder.CreateAddrSpaceCast(address, variable->getType()));
    bytes += module.getDataLayout().getTypeAllocSize(variable->getValueType());
    variable->eraseFromParent();
  }
  return uint32_t(std::min<uint64_t>(llvm::alignTo(bytes, least_alignment), UINT32_MAX));
}

}  // namespace anymetal::backend
