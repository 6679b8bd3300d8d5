// A region runs to its end for one step before the next step begins it. A kernel may read
// threadgroup memory and then write it without a barrier in between: it races, and on Apple's
// machines it is right all the same, since there simdgroups advance together, more or less. Many a
// published kernel does: `m = shared[lane]; ...; if (lane == 0) shared[group] = sum;`. So where a
// store follows a load of the same threadgroup variable, or a load a store, a barrier divides them.
//
// None where the two have one address that differs from step to step: that memory is the step's
// own. A barrier can only stand where all steps come, so for an access under a condition that
// differs between steps it stands before the condition; if both accesses are under it, there is
// none, and one step alone may be meant (`if (simdgroup == 0) ...`). Nor is there one behind
// barriers that steps meet each its own number of times: it would count as one of those.
#include "simt/transform/order_steps.h"

#include <llvm/ADT/BitVector.h>
#include <llvm/ADT/PostOrderIterator.h>
#include <llvm/Analysis/PostDominators.h>
#include <llvm/Analysis/VectorUtils.h>
#include <llvm/IR/CFG.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Module.h>

#include <set>
#include <vector>

#include "ir/thread_ir.h"
#include "simt/analysis/control_flow.h"
#include "simt/analysis/guards.h"
#include "simt/analysis/uniformity.h"

namespace anymetal::simt {
namespace {

constexpr const char* kBarrier = "am.threadgroup_barrier";

struct Access {
  llvm::Instruction* instruction;
  const llvm::Value* pointer;
  const llvm::Value* object;  ///< the variable; null if it isn't known
  bool stores;
};

/// The variable that a pointer, or each of a vector of pointers, points into.
const llvm::Value* object_of(const llvm::Value* pointer) {
  for (;;) {
    if (const auto* address = llvm::dyn_cast<llvm::GEPOperator>(pointer)) {
      pointer = address->getPointerOperand();
    } else if (const auto* cast = llvm::dyn_cast<llvm::BitCastOperator>(pointer)) {
      pointer = cast->getOperand(0);
    } else {
      break;
    }
  }
  if (const llvm::Value* splat = llvm::getSplatValue(pointer)) return object_of(splat);
  return llvm::isa<llvm::GlobalVariable, llvm::LoadInst>(pointer) ? pointer : nullptr;
}

bool is_threadgroup(const llvm::Value* pointer) {
  return pointer->getType()->getScalarType()->getPointerAddressSpace() == kThreadgroupSpace;
}

/// The pointer of a load or store that isn't atomic, and whether it stores; null for all else.
std::pair<const llvm::Value*, bool> pointer_of(const llvm::Instruction& instruction) {
  if (instruction.hasMetadata(kRelaxed)) return {nullptr, false};
  if (const auto* load = llvm::dyn_cast<llvm::LoadInst>(&instruction))
    return {load->isAtomic() ? nullptr : load->getPointerOperand(), false};
  if (const auto* store = llvm::dyn_cast<llvm::StoreInst>(&instruction))
    return {store->isAtomic() ? nullptr : store->getPointerOperand(), true};
  const auto* call = llvm::dyn_cast<llvm::IntrinsicInst>(&instruction);
  if (!call) return {nullptr, false};
  switch (call->getIntrinsicID()) {
    case llvm::Intrinsic::masked_load:
    case llvm::Intrinsic::masked_gather:
      return {call->getArgOperand(0), false};
    case llvm::Intrinsic::masked_store:
    case llvm::Intrinsic::masked_scatter:
      return {call->getArgOperand(1), true};
    default:
      return {nullptr, false};
  }
}

class Orderer {
 public:
  explicit Orderer(llvm::Function& function) : function_(function) {}

  unsigned run() {
    find_accesses();
    const bool loads = llvm::any_of(accesses_, [](const Access& a) { return !a.stores; });
    const bool stores = llvm::any_of(accesses_, [](const Access& a) { return a.stores; });
    if (!loads || !stores) return 0;
    const Uniformity uniformity(function_);
    find_conflicts(uniformity);
    find_divided(uniformity);
    find_counted();
    dominators_.recalculate(function_);
    unsigned made = 0;
    while (insert_one()) ++made;
    return made;
  }

 private:
  void find_accesses() {
    for (llvm::Instruction& instruction : llvm::instructions(function_)) {
      const auto [pointer, stores] = pointer_of(instruction);
      if (!pointer || !is_threadgroup(pointer)) continue;
      number_[&instruction] = unsigned(accesses_.size());
      accesses_.push_back({&instruction, pointer, object_of(pointer), stores});
    }
  }

  /// Of each access, which others it must not overtake.
  void find_conflicts(const Uniformity& uniformity) {
    conflicts_.assign(accesses_.size(), llvm::BitVector(unsigned(accesses_.size())));
    for (unsigned a = 0; a < accesses_.size(); ++a) {
      const bool own = !uniformity.is_uniform(accesses_[a].pointer);
      for (unsigned b = 0; b < accesses_.size(); ++b) {
        const Access &one = accesses_[a], &other = accesses_[b];
        const bool apart = one.object && other.object && one.object != other.object;
        if (one.stores != other.stores && !apart && !(own && one.pointer == other.pointer))
          conflicts_[a].set(b);
      }
    }
  }

  /// The blocks that not all steps come to.
  void find_divided(const Uniformity& uniformity) {
    const llvm::PostDominatorTree after(function_);
    for (llvm::BasicBlock& block : function_) {
      if (llvm::succ_size(&block) < 2 || !uniformity.has_divergent_end(block)) continue;
      const auto* node = after.getNode(&block);
      const llvm::BasicBlock* end = node && node->getIDom() ? node->getIDom()->getBlock() : nullptr;
      std::vector<llvm::BasicBlock*> work(llvm::succ_begin(&block), llvm::succ_end(&block));
      std::set<llvm::BasicBlock*> seen;
      while (!work.empty()) {
        llvm::BasicBlock* next = work.back();
        work.pop_back();
        if (next == end || !seen.insert(next).second) continue;
        divided_.insert(next);
        work.insert(work.end(), llvm::succ_begin(next), llvm::succ_end(next));
      }
    }
  }

  /// The blocks that steps may come to with different numbers of barriers behind them.
  void find_counted() {
    std::vector<llvm::BasicBlock*> work;
    for (llvm::BasicBlock* block : divided_) {
      if (llvm::any_of(*block,
                       [](llvm::Instruction& one) { return callee_name(&one) == kBarrier; }))
        work.push_back(block);
    }
    while (!work.empty()) {
      llvm::BasicBlock* block = work.back();
      work.pop_back();
      for (llvm::BasicBlock* next : llvm::successors(block))
        if (counted_.insert(next).second) work.push_back(next);
    }
  }

  using Set = llvm::BitVector;

  void step_over(const llvm::Instruction& instruction, Set& since) const {
    if (callee_name(&instruction) == kBarrier) since.reset();
    if (const auto found = number_.find(&instruction); found != number_.end())
      since.set(found->second);
  }

  /// What came since the last barrier, at the end of each block.
  void follow_accesses() {
    at_end_.clear();
    for (llvm::BasicBlock& block : function_) at_end_[&block] = Set(unsigned(accesses_.size()));
    const llvm::ReversePostOrderTraversal<llvm::Function*> order(&function_);
    for (bool changed = true; changed;) {
      changed = false;
      for (llvm::BasicBlock* block : order) {
        Set since = at_start(block);
        for (const llvm::Instruction& instruction : *block) step_over(instruction, since);
        if (since == at_end_[block]) continue;
        at_end_[block] = std::move(since);
        changed = true;
      }
    }
  }

  Set at_start(llvm::BasicBlock* block) {
    Set since(unsigned(accesses_.size()));
    for (llvm::BasicBlock* before : llvm::predecessors(block)) since |= at_end_[before];
    return since;
  }

  bool insert_one() {
    follow_accesses();
    for (llvm::BasicBlock& block : function_) {
      Set since = at_start(&block);
      for (llvm::Instruction& instruction : block) {
        if (const auto found = number_.find(&instruction); found != number_.end()) {
          if (since.anyCommon(conflicts_[found->second]) && insert_for(found->second, since))
            return true;
        }
        step_over(instruction, since);
      }
    }
    return false;
  }

  bool insert_for(unsigned access, const Set& since) {
    llvm::Instruction* place = accesses_[access].instruction;
    llvm::BasicBlock* block = place->getParent();
    if (divided_.contains(block)) {
      while (block && divided_.contains(block)) {
        const auto* above = dominators_.getNode(block)->getIDom();
        block = above ? above->getBlock() : nullptr;
      }
      // Only if it stands between the two.
      if (!block || !at_end_[block].anyCommon(conflicts_[access])) return false;
      place = block->getTerminator();
    } else if (!since.anyCommon(conflicts_[access])) {
      return false;
    }
    if (counted_.contains(place->getParent())) return false;
    llvm::IRBuilder<> builder(place);
    builder.SetCurrentDebugLocation(accesses_[access].instruction->getDebugLoc());
    auto* type = llvm::FunctionType::get(builder.getVoidTy(), {builder.getInt32Ty()}, false);
    builder.CreateCall(function_.getParent()->getOrInsertFunction(kBarrier, type),
                       {builder.getInt32(0)});
    return true;
  }

  llvm::Function& function_;
  std::vector<Access> accesses_;
  llvm::DenseMap<const llvm::Instruction*, unsigned> number_;
  std::vector<Set> conflicts_;
  std::set<llvm::BasicBlock*> divided_, counted_;
  llvm::DominatorTree dominators_;
  llvm::DenseMap<llvm::BasicBlock*, Set> at_end_;
};

}  // namespace

unsigned order_steps(llvm::Function& function) {
  return Orderer(function).run();
}

}  // namespace anymetal::simt
