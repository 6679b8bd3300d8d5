#include "simt/transform/flatten_branches.h"

#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/CFG.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/Transforms/Utils/BasicBlockUtils.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "simt/analysis/control_flow.h"

namespace anymetal::simt {
namespace {

// Of both ways together; a mask and what it takes to blend by it cost about four.
constexpr unsigned kMostInstructions = 16;

/// Whether it may run where it wasn't to, without harm and at little cost.
bool may_always_run(const llvm::Instruction& instruction) {
  if (const auto* call = llvm::dyn_cast<llvm::CallInst>(&instruction)) {
    if (!llvm::isa<llvm::IntrinsicInst>(call) || call->isConvergent()) return false;
  }
  return !instruction.mayReadOrWriteMemory() && !llvm::isa<llvm::PHINode>(instruction) &&
         llvm::isSafeToSpeculativelyExecute(&instruction);
}

/// A block between a branch and where its ways meet, which nobody else comes to.
bool is_arm(const llvm::BasicBlock& block, const llvm::BasicBlock& branch, unsigned& instructions) {
  if (block.getSinglePredecessor() != &branch || !block.getSingleSuccessor()) return false;
  for (const llvm::Instruction& instruction : block) {
    if (instruction.isTerminator()) break;
    if (!may_always_run(instruction) || ++instructions > kMostInstructions) return false;
  }
  return true;
}

class Flattener {
 public:
  explicit Flattener(llvm::BasicBlock& block)
      : block_(block), branch_(llvm::cast<llvm::BranchInst>(block.getTerminator())) {}

  bool run() {
    for (unsigned i = 0; i < 2; ++i) ways_[i] = branch_->getSuccessor(i);
    if (ways_[0] == ways_[1] || !find_meeting()) return false;
    for (llvm::BasicBlock*& way : ways_) {
      if (way == meeting_) {
        way = &block_;
        continue;
      }
      for (llvm::Instruction& instruction : llvm::make_early_inc_range(*way)) {
        if (!instruction.isTerminator()) instruction.moveBefore(branch_);
      }
    }
    join_values();
    return true;
  }

 private:
  bool find_meeting() {
    unsigned instructions = 0;
    const bool first = is_arm(*ways_[0], block_, instructions);
    const bool second = is_arm(*ways_[1], block_, instructions);
    const llvm::BasicBlock* ends[2] = {first ? ways_[0]->getSingleSuccessor() : nullptr,
                                       second ? ways_[1]->getSingleSuccessor() : nullptr};
    if (instructions > kMostInstructions) return false;
    if (first && second && ends[0] == ends[1])
      meeting_ = ways_[0]->getSingleSuccessor();
    else if (first && ends[0] == ways_[1])
      meeting_ = ways_[1];
    else if (second && ends[1] == ways_[0])
      meeting_ = ways_[0];
    if (!meeting_ || meeting_ == &block_) return false;
    // Vectors and structs of a thread are one select for each component.
    return llvm::all_of(meeting_->phis(), [](const llvm::PHINode& phi) {
      return !phi.getType()->isVectorTy() && !phi.getType()->isStructTy();
    });
  }

  void join_values() {
    llvm::IRBuilder<> builder(branch_);
    for (llvm::PHINode& phi : llvm::make_early_inc_range(meeting_->phis())) {
      llvm::Value* yes = phi.getIncomingValueForBlock(ways_[0]);
      llvm::Value* no = phi.getIncomingValueForBlock(ways_[1]);
      llvm::Value* either =
          yes == no ? yes : builder.CreateSelect(branch_->getCondition(), yes, no, phi.getName());
      if (auto* select = llvm::dyn_cast<llvm::SelectInst>(either);
          select && llvm::isa<llvm::FPMathOperator>(phi) && llvm::isa<llvm::FPMathOperator>(select))
        select->setFastMathFlags(phi.getFastMathFlags());
      for (const llvm::BasicBlock* way : ways_) phi.removeIncomingValue(way, false);
      phi.addIncoming(either, &block_);
    }
    builder.CreateBr(meeting_);
    branch_->eraseFromParent();
    for (llvm::BasicBlock* way : ways_) {
      if (way != &block_) way->eraseFromParent();
    }
  }

  llvm::BasicBlock& block_;
  llvm::BranchInst* branch_;
  llvm::BasicBlock* ways_[2] = {nullptr, nullptr};  ///< then from where the values come
  llvm::BasicBlock* meeting_ = nullptr;
};

}  // namespace

unsigned flatten_branches(llvm::Function& function, const Geometry& geometry) {
  std::vector<llvm::BasicBlock*> parting;
  {
    const ControlFlow flow(function, geometry);
    for (llvm::BasicBlock* block : flow.order()) {
      const auto* branch = llvm::dyn_cast<llvm::BranchInst>(block->getTerminator());
      if (branch && branch->isConditional() && flow.is_divergent(block)) parting.push_back(block);
    }
  }
  // A branch may be flat once those within its ways are.
  unsigned count = 0;
  for (bool changed = true; changed;) {
    changed = false;
    for (llvm::BasicBlock*& block : parting) {
      if (!block || !Flattener(*block).run()) continue;
      llvm::BasicBlock* flat = std::exchange(block, nullptr);
      changed = true;
      ++count;
      // What follows is part of it, and may now be a way of another branch.
      llvm::BasicBlock* next = flat->getSingleSuccessor();
      if (next->getSinglePredecessor() != flat || !llvm::MergeBlockIntoPredecessor(next)) continue;
      std::ranges::replace(parting, next, flat);
    }
  }
  return count;
}

}  // namespace anymetal::simt
