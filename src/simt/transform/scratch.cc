// What a step keeps lies together, and the next step's behind it: a region then writes one stretch
// of memory, and the next one reads it in the same order. With an array for each value these are a
// dozen streams, and what a row of a few thousand elements keeps doesn't fit into the first-level
// cache beside the row itself: such a running sum took twice as long.
#include "simt/transform/scratch.h"

#include <llvm/Analysis/CaptureTracking.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>

#include <algorithm>
#include <vector>

#include "simt/simt.h"
#include "simt/threadgroup_frame.h"

namespace anymetal::simt {
namespace {

/// What a variable's place in ThreadgroupFrame::scratch is asked for with, by its offset.
constexpr const char* kScratch = "simt.scratch";
constexpr uint64_t kLarge = 2048;
/// Smaller ones, as counters and masks, lie closer in arrays of their own.
constexpr uint64_t kLeastOfSlot = 16;

/// Loads that nobody needs go, and then stores of what nobody loads. False: the slot is gone.
bool is_needed(llvm::AllocaInst& slot) {
  std::vector<llvm::Instruction*> addresses, stores;
  bool loaded = false;
  for (llvm::User* user : slot.users()) {
    auto* address = llvm::cast<llvm::Instruction>(user);
    if (!llvm::isa<llvm::GetElementPtrInst>(address)) return true;
    addresses.push_back(address);
    for (llvm::User* access : llvm::make_early_inc_range(address->users())) {
      auto* load = llvm::dyn_cast<llvm::LoadInst>(access);
      if (load && load->use_empty() && load->isSimple()) {
        load->eraseFromParent();
      } else if (auto* store = llvm::dyn_cast<llvm::StoreInst>(access);
                 store && store->getPointerOperand() == address) {
        stores.push_back(store);
      } else {
        loaded = true;
      }
    }
  }
  if (loaded) return true;
  for (llvm::Instruction* store : stores) store->eraseFromParent();
  for (llvm::Instruction* address : addresses) address->eraseFromParent();
  slot.eraseFromParent();
  return false;
}

/// Memory that nothing else points to, as the variable's was. Out of a pointer that is loaded, LLVM
/// would take each store to it for one to any buffer, so that sums that a region hands on would be
/// stored in each turn of its loops. LLVM itself looks at a hundred uses only to see whether a
/// pointer is kept elsewhere: so that is said, too.
llvm::Value* call_place(llvm::IRBuilder<>& builder, const llvm::AllocaInst& variable,
                        uint64_t offset, uint64_t bytes) {
  constexpr unsigned kMostUses = 100'000;
  llvm::Module& module = *builder.GetInsertBlock()->getModule();
  auto* place = llvm::cast<llvm::Function>(
      module.getOrInsertFunction(kScratch, builder.getPtrTy(), builder.getInt64Ty()).getCallee());
  place->setDoesNotAccessMemory();
  place->setDoesNotThrow();
  place->setWillReturn();
  llvm::CallInst* call = builder.CreateCall(place, {builder.getInt64(offset)});
  call->addRetAttr(llvm::Attribute::NoAlias);
  call->addRetAttr(llvm::Attribute::getWithAlignment(module.getContext(), llvm::Align(64)));
  call->addDereferenceableRetAttr(bytes);
  if (!llvm::PointerMayBeCaptured(&variable, /*ReturnCaptures=*/true, /*StoreCaptures=*/true,
                                  kMostUses))
    call->addFnAttr(llvm::Attribute::get(module.getContext(), kReachedAlone));
  return call;
}

/// Only addresses [0][step] are taken of it.
bool is_plain_array(const llvm::AllocaInst& slot) {
  return llvm::all_of(slot.users(), [&](const llvm::User* user) {
    const auto* address = llvm::dyn_cast<llvm::GetElementPtrInst>(user);
    const auto* first = address && address->getNumIndices() == 2
                            ? llvm::dyn_cast<llvm::ConstantInt>(address->getOperand(1))
                            : nullptr;
    return first && first->isZero() && address->getSourceElementType() == slot.getAllocatedType() &&
           address->getPointerOperand() == &slot;
  });
}

}  // namespace

unsigned join_slots(llvm::Function& function) {
  const llvm::DataLayout& layout = function.getDataLayout();
  std::vector<llvm::AllocaInst*> slots;
  for (llvm::Instruction& instruction : function.getEntryBlock()) {
    auto* slot = llvm::dyn_cast<llvm::AllocaInst>(&instruction);
    if (slot && slot->hasMetadata(kSlot)) slots.push_back(slot);
  }
  std::erase_if(slots, [](llvm::AllocaInst* slot) { return !is_needed(*slot); });
  const auto element = [](const llvm::AllocaInst* slot) {
    return slot->getAllocatedType()->getArrayElementType();
  };
  std::erase_if(slots, [&](llvm::AllocaInst* slot) {
    return layout.getTypeAllocSize(element(slot)) < kLeastOfSlot || !is_plain_array(*slot);
  });
  if (slots.size() < 2) return 0;
  // The largest first: none needs a gap before it.
  const auto size = [&](const llvm::AllocaInst* slot) {
    return layout.getTypeAllocSize(element(slot)).getFixedValue();
  };
  std::ranges::sort(slots, [&](const llvm::AllocaInst* a, const llvm::AllocaInst* b) {
    return size(a) != size(b) ? size(a) > size(b) : a->comesBefore(b);
  });
  std::vector<llvm::Type*> types;
  for (const llvm::AllocaInst* slot : slots) types.push_back(element(slot));
  auto* record = llvm::StructType::get(function.getContext(), types);
  auto* type =
      llvm::ArrayType::get(record, slots.front()->getAllocatedType()->getArrayNumElements());
  if (layout.getTypeAllocSize(type) < kLarge) return 0;
  llvm::IRBuilder<> builder(slots.front());
  llvm::AllocaInst* records = builder.CreateAlloca(type, nullptr, "slots");
  for (unsigned index = 0; index < slots.size(); ++index) {
    for (llvm::User* user : llvm::make_early_inc_range(slots[index]->users())) {
      auto* address = llvm::cast<llvm::GetElementPtrInst>(user);
      builder.SetInsertPoint(address);
      address->replaceAllUsesWith(builder.CreateInBoundsGEP(
          type, records,
          {address->getOperand(1), address->getOperand(2), builder.getInt32(index)}));
      address->eraseFromParent();
    }
    slots[index]->eraseFromParent();
  }
  return unsigned(slots.size());
}

uint64_t move_to_scratch(llvm::Function& function) {
  const llvm::DataLayout& layout = function.getDataLayout();
  std::vector<llvm::AllocaInst*> large;
  for (llvm::Instruction& instruction : function.getEntryBlock()) {
    auto* variable = llvm::dyn_cast<llvm::AllocaInst>(&instruction);
    if (variable && layout.getTypeAllocSize(variable->getAllocatedType()) >= kLarge)
      large.push_back(variable);
  }
  if (large.empty()) return 0;
  llvm::IRBuilder<> builder(&*function.getEntryBlock().getFirstInsertionPt());
  uint64_t bytes = 0;
  for (llvm::AllocaInst* variable : large) {
    const uint64_t size = layout.getTypeAllocSize(variable->getAllocatedType());
    variable->replaceAllUsesWith(call_place(builder, *variable, bytes, size));
    bytes += llvm::alignTo(size, 64);
  }
  // (The first one may be where calls were put.)
  for (llvm::AllocaInst* variable : large) variable->eraseFromParent();
  return bytes;
}

void lower_scratch(llvm::Function& function) {
  llvm::Function* place = function.getParent()->getFunction(kScratch);
  if (!place) return;
  llvm::IRBuilder<> builder(&*function.getEntryBlock().getFirstInsertionPt());
  llvm::Value* scratch =
      builder.CreateLoad(builder.getPtrTy(),
                         builder.CreateConstInBoundsGEP1_64(builder.getInt8Ty(), function.getArg(0),
                                                            offsetof(ThreadgroupFrame, scratch)),
                         "scratch");
  for (llvm::User* user : llvm::make_early_inc_range(place->users())) {
    auto* call = llvm::cast<llvm::CallInst>(user);
    builder.SetInsertPoint(call);
    call->replaceAllUsesWith(
        builder.CreateInBoundsGEP(builder.getInt8Ty(), scratch, {call->getArgOperand(0)}));
    call->eraseFromParent();
  }
  place->eraseFromParent();
}

}  // namespace anymetal::simt
