#include "language/store_addresses.h"

#include <llvm/ADT/MapVector.h>
#include <llvm/ADT/SmallPtrSet.h>
#include <llvm/IR/Constants.h>
#include <llvm/IR/GlobalVariable.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/ReplaceConstant.h>

#include <vector>

#include "ir/thread_ir.h"

namespace anymetal::language {
namespace {

bool holds_address(const llvm::Constant& constant,
                   llvm::SmallPtrSetImpl<const llvm::Constant*>& seen) {
  if (const auto* variable = llvm::dyn_cast<llvm::GlobalVariable>(&constant))
    return variable->getAddressSpace() == kThreadgroupSpace;
  if (!seen.insert(&constant).second) return false;
  return llvm::any_of(constant.operands(), [&](const llvm::Use& use) {
    const auto* part = llvm::dyn_cast<llvm::Constant>(use.get());
    return part && holds_address(*part, seen);
  });
}

/// What a variable of this type holds, value by value.
void store(llvm::IRBuilder<>& builder, llvm::Constant& value, llvm::Value* to) {
  const llvm::DataLayout& layout = builder.GetInsertBlock()->getDataLayout();
  llvm::Type* type = value.getType();
  if (!type->isStructTy() && !type->isArrayTy()) {
    builder.CreateStore(&value, to);
    return;
  }
  const auto* structure = llvm::dyn_cast<llvm::StructType>(type);
  const uint64_t count = structure ? structure->getNumElements() : type->getArrayNumElements();
  for (unsigned i = 0; i < count; ++i) {
    const uint64_t at = structure ? layout.getStructLayout(llvm::cast<llvm::StructType>(type))
                                        ->getElementOffset(i)
                                        .getFixedValue()
                                  : i * layout.getTypeAllocSize(type->getArrayElementType());
    store(builder, *value.getAggregateElement(i),
          builder.CreateConstGEP1_64(builder.getInt8Ty(), to, at));
  }
}

llvm::Value* make_variable(llvm::Function& function, llvm::GlobalVariable& constant) {
  llvm::BasicBlock& entry = function.getEntryBlock();
  llvm::IRBuilder<> builder(&entry, entry.begin());
  auto* variable = builder.CreateAlloca(constant.getValueType(), nullptr, "addresses");
  variable->setAlignment(constant.getAlign().valueOrOne());
  store(builder, *constant.getInitializer(), variable);
  return builder.CreateAddrSpaceCast(variable, constant.getType());
}

}  // namespace

void store_addresses(llvm::Module& module) {
  std::vector<llvm::GlobalVariable*> found;
  for (llvm::GlobalVariable& constant : module.globals()) {
    llvm::SmallPtrSet<const llvm::Constant*, 16> seen;
    if (constant.hasInitializer() && holds_address(*constant.getInitializer(), seen))
      found.push_back(&constant);
  }
  for (llvm::GlobalVariable* constant : found) {
    llvm::Constant* const converted[] = {constant};
    llvm::convertUsersOfConstantsToInstructions(converted);
    llvm::MapVector<llvm::Function*, std::vector<llvm::Use*>> uses;
    for (llvm::Use& use : constant->uses())
      if (auto* user = llvm::dyn_cast<llvm::Instruction>(use.getUser()))
        uses[user->getFunction()].push_back(&use);
    for (auto& [function, of_function] : uses) {
      llvm::Value* variable = make_variable(*function, *constant);
      for (llvm::Use* use : of_function) use->set(variable);
    }
    if (constant->use_empty()) constant->eraseFromParent();
  }
}

}  // namespace anymetal::language
