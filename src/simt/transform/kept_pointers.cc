#include "simt/transform/kept_pointers.h"

#include <llvm/ADT/SetVector.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>

#include <optional>

#include "ir/thread_ir.h"
#include "simt/analysis/objects.h"

namespace anymetal::simt {
namespace {

using llvm::dyn_cast;
using llvm::isa;

bool leads_to_buffer(const llvm::Type* type) {
  return type->isPointerTy() && (type->getPointerAddressSpace() == kDeviceSpace ||
                                 type->getPointerAddressSpace() == kConstantSpace);
}

/// Whether a number may be a pointer's bits, as LLVM copies small structs.
bool may_be_pointer(const llvm::Value& value) {
  if (value.getType()->isAggregateType() || value.getType()->isVectorTy())
    return value.getType()->getScalarSizeInBits() == 0 ||
           value.getType()->getScalarSizeInBits() == 64;
  return value.getType()->isIntegerTy(64) && isa<llvm::LoadInst, llvm::PtrToIntInst>(value);
}

/// All accesses of pointers through this address; false: there is something else.
bool follow(llvm::Value& address, KeptPointers& kept) {
  for (llvm::User* user : address.users()) {
    if (auto* step = dyn_cast<llvm::GetElementPtrInst>(user)) {
      if (!follow(*step, kept)) return false;
    } else if (auto* load = dyn_cast<llvm::LoadInst>(user)) {
      if (leads_to_buffer(load->getType())) kept.loads.push_back(load);
    } else if (auto* store = dyn_cast<llvm::StoreInst>(user)) {
      if (store->getValueOperand() == &address || may_be_pointer(*store->getValueOperand()))
        return false;
      if (leads_to_buffer(store->getValueOperand()->getType())) kept.stores.push_back(store);
    } else if (auto* copy = dyn_cast<llvm::MemTransferInst>(user)) {
      if (copy->getRawDest() == &address) return false;
    } else if (!isa<llvm::ICmpInst, llvm::MemSetInst>(user) &&
               !llvm::cast<llvm::Instruction>(user)->isLifetimeStartOrEnd()) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::vector<KeptPointers> find_kept_pointers(llvm::Function& function) {
  llvm::SetVector<llvm::AllocaInst*> variables;
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    auto* load = dyn_cast<llvm::LoadInst>(&instruction);
    if (!load || !leads_to_buffer(load->getType())) continue;
    if (auto* variable = dyn_cast<llvm::AllocaInst>(find_path(load->getPointerOperand()).root))
      variables.insert(variable);
  }
  std::vector<KeptPointers> found;
  for (llvm::AllocaInst* variable : variables) {
    KeptPointers kept{variable, {}, {}};
    if (follow(*variable, kept)) found.push_back(std::move(kept));
  }
  return found;
}

llvm::Value* same_place(llvm::Value* address, llvm::AllocaInst& variable, llvm::AllocaInst& other) {
  if (address == &variable) return &other;
  auto* step = llvm::cast<llvm::GetElementPtrInst>(address);
  llvm::Instruction* same = step->clone();
  same->setOperand(0, same_place(step->getPointerOperand(), variable, other));
  same->insertAfter(step);
  return same;
}

}  // namespace anymetal::simt
