// A loop over a row is there twice, for turns with all lanes and for the rest, and only the rest
// wants to know which lanes there are. LLVM makes that mask once for all loops that ask the same,
// at the top, where it costs registers, of which there are seven, on the way that has no masks. So
// a comparison of vectors that is used elsewhere alone, and where not everyone comes by, is made
// again in each block that uses it; and what it was made of, if nobody else wants it, goes with it.
#include "backend/cpu/delay_masks.h"

#include <llvm/ADT/MapVector.h>
#include <llvm/ADT/PostOrderIterator.h>
#include <llvm/Analysis/LoopInfo.h>
#include <llvm/Analysis/PostDominators.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/Instructions.h>
#include <llvm/Transforms/Scalar/DivRemPairs.h>
#include <llvm/Transforms/Scalar/Sink.h>

namespace anymetal::backend::cpu {
namespace {

constexpr unsigned kMostBlocks = 6;

bool is_mask(const llvm::Instruction& instruction) {
  return instruction.getType()->isVectorTy() && instruction.getType()->isIntOrIntVectorTy(1) &&
         llvm::isa<llvm::ICmpInst, llvm::BinaryOperator>(instruction);
}

/// Sums and copies of a scalar, of which masks of positions are made.
bool is_made_for_masks(const llvm::Instruction& instruction) {
  if (!instruction.getType()->isVectorTy()) return false;
  switch (instruction.getOpcode()) {
    case llvm::Instruction::Add:
    case llvm::Instruction::Or:
      return llvm::isa<llvm::Constant>(instruction.getOperand(1));
    case llvm::Instruction::InsertElement:
    case llvm::Instruction::ShuffleVector:
      return llvm::isa<llvm::PoisonValue>(instruction.getOperand(
          instruction.getOpcode() == llvm::Instruction::InsertElement ? 0 : 1));
    default:
      return false;
  }
}

class Delay {
 public:
  explicit Delay(llvm::Function& function)
      : function_(function),
        dominators_(function),
        post_dominators_(function),
        loops_(dominators_) {}

  void run() {
    // Users first: what they are made of may follow them.
    for (llvm::BasicBlock* block : llvm::post_order(&function_)) {
      for (llvm::Instruction& instruction : llvm::make_early_inc_range(llvm::reverse(*block))) {
        if (is_mask(instruction) || is_made_for_masks(instruction)) delay(instruction);
      }
    }
  }

 private:
  void delay(llvm::Instruction& value) {
    llvm::MapVector<llvm::BasicBlock*, llvm::SmallVector<llvm::Use*, 4>> uses;
    for (llvm::Use& use : value.uses()) {
      auto* user = llvm::cast<llvm::Instruction>(use.getUser());
      const auto* phi = llvm::dyn_cast<llvm::PHINode>(user);
      uses[phi ? phi->getIncomingBlock(use) : user->getParent()].push_back(&use);
    }
    if (uses.empty() || uses.size() > kMostBlocks) return;
    for (const auto& [block, found] : uses) {
      if (!is_better_at(*block, *value.getParent())) return;
    }
    for (const auto& [block, found] : uses) {
      llvm::Instruction* copy = value.clone();
      copy->insertBefore(first_user(*block, found)->getIterator());
      for (llvm::Use* use : found) use->set(copy);
    }
    value.eraseFromParent();
  }

  /// Whether code doesn't always come from `from` to `block`, and not more often than to `from`.
  bool is_better_at(llvm::BasicBlock& block, llvm::BasicBlock& from) const {
    if (&block == &from || post_dominators_.dominates(&block, &from)) return false;
    const llvm::Loop* loop = loops_.getLoopFor(&block);
    return !loop || loop->contains(&from);
  }

  static llvm::Instruction* first_user(llvm::BasicBlock& block, llvm::ArrayRef<llvm::Use*> uses) {
    llvm::Instruction* first = block.getTerminator();
    for (const llvm::Use* use : uses) {
      auto* user = llvm::cast<llvm::Instruction>(use->getUser());
      if (!llvm::isa<llvm::PHINode>(user) && user->comesBefore(first)) first = user;
    }
    return first;
  }

  llvm::Function& function_;
  const llvm::DominatorTree dominators_;
  const llvm::PostDominatorTree post_dominators_;
  const llvm::LoopInfo loops_;
};

}  // namespace

void delay_masks(llvm::Function& threadgroup, LlvmPasses& passes) {
  Delay(threadgroup).run();
  passes.clear();
  // And what they are made of, as far as one place wants it.
  passes.run(threadgroup, llvm::SinkingPass());
  // But no quotient away from its remainder, which comes from the same instruction.
  passes.run(threadgroup, llvm::DivRemPairsPass());
}

}  // namespace anymetal::backend::cpu
