#include "backend/make_values.h"

#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Module.h>
#include <llvm/Transforms/Scalar/SROA.h>

#include <algorithm>
#include <vector>

#include "ir/hidden_addresses.h"

namespace anymetal::backend {
namespace {

using llvm::dyn_cast;

/// The bytes that this use of a pointer reads or writes; 0: none.
uint64_t bytes_at(const llvm::Use& use, const llvm::DataLayout& layout) {
  const llvm::User* user = use.getUser();
  if (llvm::isa<llvm::LoadInst, llvm::StoreInst>(user)) {
    if (use.get() != llvm::getLoadStorePointerOperand(user)) return 0;
    return layout.getTypeStoreSize(llvm::getLoadStoreType(const_cast<llvm::User*>(user)));
  }
  if (const auto* memory = dyn_cast<llvm::MemIntrinsic>(user)) {
    const auto* length = dyn_cast<llvm::ConstantInt>(memory->getLength());
    return length ? length->getZExtValue() : 0;
  }
  if (!llvm::isa<llvm::PHINode, llvm::SelectInst>(user)) return 0;
  uint64_t most = 1;
  for (const llvm::Use& next : user->uses())
    if (!llvm::isa<llvm::PHINode, llvm::SelectInst>(next.getUser()))
      most = std::max(most, bytes_at(next, layout));
  return most;
}

/// Where SROA sees that an access isn't inside of its variable, it takes it for one that can't
/// happen.
std::vector<llvm::Use*> find_outside(llvm::Function& function) {
  const llvm::DataLayout& layout = function.getDataLayout();
  std::vector<llvm::Use*> found;
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    for (llvm::Use& use : instruction.operands()) {
      if (!use->getType()->isPointerTy()) continue;
      llvm::APInt offset(layout.getIndexTypeSizeInBits(use->getType()), 0);
      const auto* variable = dyn_cast<llvm::AllocaInst>(
          use->stripAndAccumulateConstantOffsets(layout, offset, /*AllowNonInbounds=*/true));
      const auto size = variable ? variable->getAllocationSize(layout) : std::nullopt;
      const uint64_t bytes = size ? bytes_at(use, layout) : 0;
      if (bytes == 0) continue;
      const uint64_t all = size->getFixedValue();
      if (bytes > all || offset.ugt(all - bytes)) found.push_back(&use);
    }
  }
  return found;
}

/// Whether SROA would make two addresses of it, one for each number that the index, or pointer that
/// it begins at, may be.
bool is_chosen(const llvm::GetElementPtrInst& address) {
  const auto is_number = [](const llvm::Value* value) {
    return llvm::isa<llvm::ConstantInt>(value);
  };
  return llvm::any_of(address.operands(), [&](const llvm::Value* operand) {
    if (operand->getType()->isPointerTy())
      return llvm::isa<llvm::PHINode, llvm::SelectInst>(operand);
    if (const auto* phi = dyn_cast<llvm::PHINode>(operand))
      return llvm::all_of(phi->incoming_values(), is_number);
    const auto* select = dyn_cast<llvm::SelectInst>(operand);
    return select && (is_number(select->getTrueValue()) || is_number(select->getFalseValue()));
  });
}

/// Stores of a variable's address. Where the pointer becomes a value, so may what it leads to, in
/// the same run, which then sees places that nobody looked at.
std::vector<llvm::StoreInst*> find_stored_addresses(llvm::Function& function) {
  std::vector<llvm::StoreInst*> found;
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    auto* store = dyn_cast<llvm::StoreInst>(&instruction);
    if (store && store->getValueOperand()->getType()->isPointerTy() &&
        llvm::isa<llvm::AllocaInst>(llvm::getUnderlyingObject(store->getValueOperand(), 0)))
      found.push_back(store);
  }
  return found;
}

/// One run; whether pointers became values that variables' addresses had been stored in.
bool make_values_once(LlvmPasses& passes, llvm::Function& function) {
  std::vector<llvm::CallInst*> hidden;
  llvm::DenseMap<std::pair<const llvm::PHINode*, llvm::BasicBlock*>, llvm::CallInst*> of_edge;
  for (llvm::Use* use : find_outside(function)) {
    // A switch may come to a phi from one block twice, with the same value then.
    auto* user = llvm::cast<llvm::Instruction>(use->getUser());
    const auto* phi = dyn_cast<llvm::PHINode>(user);
    llvm::CallInst* before = phi ? of_edge[{phi, phi->getIncomingBlock(*use)}] : nullptr;
    llvm::Instruction* at = phi ? phi->getIncomingBlock(*use)->getTerminator() : user;
    llvm::CallInst* call = before ? before : hide_address(**use, at);
    if (phi) of_edge[{phi, phi->getIncomingBlock(*use)}] = call;
    if (!before) hidden.push_back(call);
    use->set(call);
  }
  for (llvm::Instruction& instruction : llvm::make_early_inc_range(llvm::instructions(function))) {
    auto* address = dyn_cast<llvm::GetElementPtrInst>(&instruction);
    if (!address || !is_chosen(*address) || address->use_empty()) continue;
    llvm::CallInst* call = hide_address(*address, address->getNextNode());
    address->replaceUsesWithIf(call, [&](const llvm::Use& use) { return use.getUser() != call; });
    hidden.push_back(call);
  }
  const auto stores = find_stored_addresses(function);
  for (llvm::StoreInst* store : stores) {
    llvm::CallInst* call = hide_address(*store->getValueOperand(), store);
    store->setOperand(0, call);
    hidden.push_back(call);
  }
  passes.run(function, llvm::SROAPass(llvm::SROAOptions::PreserveCFG));
  for (llvm::CallInst* call : hidden) show_address(*call);
  return find_stored_addresses(function).size() < stores.size();
}

}  // namespace

void make_values(LlvmPasses& passes, llvm::Function& function) {
  while (make_values_once(passes, function)) {
  }
}

}  // namespace anymetal::backend
