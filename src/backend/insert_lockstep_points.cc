#include "backend/insert_lockstep_points.h"

#include <llvm/ADT/PostOrderIterator.h>
#include <llvm/Analysis/LoopInfo.h>
#include <llvm/IR/CFG.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Module.h>

#include <map>
#include <vector>

#include "backend/number_meeting_points.h"
#include "ir/thread_ir.h"

namespace anymetal::backend {
namespace {

/// What may have come last before a point, since the last meeting: a load, a store, or on different
/// ways both.
using Last = unsigned;
constexpr Last kNothing = 0, kLoad = 1, kStore = 2;

bool is_threadgroup(const llvm::Value* pointer) {
  return pointer->stripPointerCasts()->getType()->getPointerAddressSpace() == kThreadgroupSpace;
}

/// kLoad or kStore for an access to threadgroup memory. Atomics need no order.
Last access_of(const llvm::Instruction& instruction) {
  if (const auto* load = llvm::dyn_cast<llvm::LoadInst>(&instruction)) {
    return !load->isAtomic() && is_threadgroup(load->getPointerOperand()) ? kLoad : kNothing;
  }
  if (const auto* store = llvm::dyn_cast<llvm::StoreInst>(&instruction)) {
    return !store->isAtomic() && is_threadgroup(store->getPointerOperand()) ? kStore : kNothing;
  }
  return kNothing;
}

/// Runs through a block; calls `conflict` at each access that must not overtake those before it.
template <class Conflict>
Last run_through(llvm::BasicBlock& block, Last last, Conflict conflict) {
  for (llvm::Instruction& instruction : block) {
    if (is_meeting_point(instruction)) {
      last = kNothing;
    } else if (const Last access = access_of(instruction); access != kNothing) {
      if ((last & ~access) != 0) conflict(instruction);
      last = access;
    }
  }
  return last;
}

bool takes_locks(const llvm::Instruction& instruction) {
  const auto* update = llvm::dyn_cast<llvm::AtomicRMWInst>(&instruction);
  return llvm::isa<llvm::AtomicCmpXchgInst>(instruction) ||
         (update && update->getOperation() == llvm::AtomicRMWInst::Xchg);
}

/// Whether it stands in a loop in which a lane may hold a lock that the others wait for.
bool may_hold_lock(const llvm::Instruction& access, const llvm::LoopInfo& loops) {
  for (const llvm::Loop* loop = loops.getLoopFor(access.getParent()); loop;
       loop = loop->getParentLoop()) {
    for (const llvm::BasicBlock* block : loop->blocks())
      if (llvm::any_of(*block, takes_locks)) return true;
  }
  return false;
}

}  // namespace

void insert_lockstep_points(llvm::Function& entry) {
  std::map<llvm::BasicBlock*, Last> at_end;
  const auto at_start = [&](llvm::BasicBlock& block) {
    Last last = kNothing;
    for (llvm::BasicBlock* before : llvm::predecessors(&block)) last |= at_end[before];
    return last;
  };
  const llvm::ReversePostOrderTraversal<llvm::Function*> order(&entry);
  for (bool changed = true; changed;) {
    changed = false;
    for (llvm::BasicBlock* block : order) {
      const Last last = run_through(*block, at_start(*block), [](llvm::Instruction&) {});
      changed |= last != at_end[block];
      at_end[block] = last;
    }
  }
  std::vector<llvm::Instruction*> conflicts;
  for (llvm::BasicBlock* block : order) {
    run_through(*block, at_start(*block),
                [&](llvm::Instruction& access) { conflicts.push_back(&access); });
  }
  const llvm::DominatorTree dominators(entry);
  const llvm::LoopInfo loops(dominators);
  std::erase_if(conflicts, [&](const auto* access) { return may_hold_lock(*access, loops); });
  if (conflicts.empty()) return;
  llvm::LLVMContext& context = entry.getContext();
  auto barrier = entry.getParent()->getOrInsertFunction(
      "am.simdgroup_barrier", llvm::Type::getVoidTy(context), llvm::Type::getInt32Ty(context));
  for (llvm::Instruction* access : conflicts) {
    llvm::IRBuilder<> builder(access);
    builder.CreateCall(barrier, {builder.getInt32(kLockstepFlag)});
  }
}

}  // namespace anymetal::backend
