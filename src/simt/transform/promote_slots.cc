#include "simt/transform/promote_slots.h"

#include <llvm/ADT/DenseMap.h>
#include <llvm/ADT/MapVector.h>
#include <llvm/ADT/SetVector.h>
#include <llvm/IR/CFG.h>
#include <llvm/IR/Constants.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/ValueHandle.h>

#include <optional>

namespace anymetal::simt {
namespace {

using llvm::dyn_cast;

/// The loads and stores of a variable in a block, in their order.
using Accesses = llvm::MapVector<llvm::BasicBlock*, llvm::SmallVector<llvm::Instruction*, 4>>;

/// Whether the variable is only loaded and stored as a whole.
bool is_promotable(const llvm::AllocaInst& variable) {
  return !variable.isArrayAllocation() && llvm::all_of(variable.users(), [&](const auto* user) {
    if (const auto* load = dyn_cast<llvm::LoadInst>(user))
      return load->isSimple() && load->getType() == variable.getAllocatedType();
    const auto* store = dyn_cast<llvm::StoreInst>(user);
    return store && store->isSimple() && store->getValueOperand() != &variable &&
           store->getValueOperand()->getType() == variable.getAllocatedType();
  });
}

bool has_store(const Accesses& accesses, llvm::BasicBlock* block) {
  const auto found = accesses.find(block);
  return found != accesses.end() && llvm::any_of(found->second, [](const auto* access) {
           return llvm::isa<llvm::StoreInst>(access);
         });
}

using Blocks = llvm::SmallSetVector<llvm::BasicBlock*, 16>;

/// The blocks at whose beginning the value is wanted; nothing if they are many.
std::optional<Blocks> find_live(const Accesses& accesses) {
  constexpr size_t kMost = 64;
  Blocks live;
  for (const auto& [block, list] : accesses) {
    if (llvm::isa<llvm::LoadInst>(list.front())) live.insert(block);
  }
  for (size_t i = 0; i < live.size(); ++i) {
    if (live.size() > kMost) return std::nullopt;
    if (live[i]->isEntryBlock()) return std::nullopt;
    for (llvm::BasicBlock* before : llvm::predecessors(live[i])) {
      if (!has_store(accesses, before)) live.insert(before);
    }
  }
  return live;
}

/// Phis with one value, which may have been found by taking another away.
void drop_trivial(llvm::SmallVectorImpl<llvm::PHINode*>& phis) {
  for (bool changed = true; changed;) {
    changed = false;
    for (llvm::PHINode*& phi : phis) {
      if (!phi) continue;
      llvm::Value* only = nullptr;
      bool several = false;
      for (llvm::Value* value : phi->incoming_values()) {
        if (value == phi || value == only) continue;
        several |= only != nullptr;
        only = value;
      }
      if (several) continue;
      phi->replaceAllUsesWith(only ? only : llvm::PoisonValue::get(phi->getType()));
      phi->eraseFromParent();
      phi = nullptr;
      changed = true;
    }
  }
}

void promote(llvm::AllocaInst& variable, const Accesses& accesses, const Blocks& live) {
  llvm::DenseMap<llvm::BasicBlock*, llvm::WeakTrackingVH> at_end;
  llvm::SmallVector<llvm::PHINode*, 16> phis;
  for (llvm::BasicBlock* block : live) {
    auto* phi = llvm::PHINode::Create(variable.getAllocatedType(), llvm::pred_size(block),
                                      variable.getName());
    phi->insertBefore(block->begin());
    phis.push_back(phi);
    at_end[block] = phi;
  }
  for (const auto& [block, list] : accesses) {
    llvm::Value* value = at_end.lookup(block);
    for (llvm::Instruction* access : list) {
      if (auto* store = dyn_cast<llvm::StoreInst>(access)) {
        value = store->getValueOperand();
      } else {
        access->replaceAllUsesWith(value);
      }
      // The value of the block's end may be a load that goes when its own block's turn comes.
      at_end[block] = value;
    }
  }
  for (const auto& [phi, block] : llvm::zip(phis, live)) {
    for (llvm::BasicBlock* before : llvm::predecessors(block))
      phi->addIncoming(at_end.lookup(before), before);
  }
  for (const auto& [block, list] : accesses) {
    for (llvm::Instruction* access : list) access->eraseFromParent();
  }
  variable.eraseFromParent();
  drop_trivial(phis);
}

}  // namespace

void promote_slots(llvm::Function& function) {
  llvm::MapVector<llvm::AllocaInst*, Accesses> variables;
  for (llvm::Instruction& instruction : function.getEntryBlock()) {
    auto* variable = dyn_cast<llvm::AllocaInst>(&instruction);
    if (variable && is_promotable(*variable)) variables[variable];
  }
  for (llvm::BasicBlock& block : function) {
    for (llvm::Instruction& instruction : block) {
      auto* pointer = llvm::getLoadStorePointerOperand(&instruction);
      auto* variable = pointer ? dyn_cast<llvm::AllocaInst>(pointer) : nullptr;
      const auto found = variable ? variables.find(variable) : variables.end();
      if (found != variables.end()) found->second[&block].push_back(&instruction);
    }
  }
  for (auto& [variable, accesses] : variables) {
    if (const auto live = find_live(accesses)) promote(*variable, accesses, *live);
  }
}

}  // namespace anymetal::simt
