// An index in a tile, `row * 64 + p`, is an `or` in LLVM's hands where p is below 64. While loops
// still ask `p < 64` it knows that; once they ask `p != 64`, its passes that look at bits don't,
// and drop the mark. Without it nobody takes the `or` for a sum any more: under `robust` an access
// of each turn has a check that can't fail, and lanes that are side by side aren't seen to be.
#include "simt/transform/disjoint_bits.h"

#include <llvm/ADT/PostOrderIterator.h>
#include <llvm/IR/InstrTypes.h>

#include <utility>

#include "simt/analysis/loop_analyses.h"

namespace anymetal::simt {
namespace {

/// Whether all bits that `low` may have are below those that `high` may have.
bool lies_below(llvm::ScalarEvolution& evolution, const llvm::SCEV* low, const llvm::SCEV* high) {
  return evolution.getUnsignedRangeMax(low).getActiveBits() <= evolution.getMinTrailingZeros(high);
}

/// Whether two values have no bit in common; of what is an `or` itself, its parts haven't.
bool are_apart(llvm::ScalarEvolution& evolution, llvm::Value* a, llvm::Value* b,
               unsigned depth = 0) {
  constexpr unsigned kDeepest = 4;
  const llvm::SCEV *one = evolution.getSCEV(a), *other = evolution.getSCEV(b);
  if (lies_below(evolution, one, other) || lies_below(evolution, other, one)) return true;
  if (depth == kDeepest) return false;
  for (const auto& [whole, rest] : {std::pair(a, b), std::pair(b, a)}) {
    const auto* either = llvm::dyn_cast<llvm::PossiblyDisjointInst>(whole);
    if (either && are_apart(evolution, either->getOperand(0), rest, depth + 1) &&
        are_apart(evolution, either->getOperand(1), rest, depth + 1))
      return true;
  }
  return false;
}

}  // namespace

unsigned mark_disjoint(llvm::Function& function) {
  LoopAnalyses analyses(function);
  llvm::ScalarEvolution& evolution = analyses.evolution;
  unsigned marked = 0;
  for (llvm::BasicBlock* block : llvm::ReversePostOrderTraversal<llvm::Function*>(&function)) {
    for (llvm::Instruction& instruction : *block) {
      auto* either = llvm::dyn_cast<llvm::PossiblyDisjointInst>(&instruction);
      if (!either || either->isDisjoint() || !either->getType()->isIntegerTy()) continue;
      if (!are_apart(evolution, either->getOperand(0), either->getOperand(1))) continue;
      either->setIsDisjoint(true);
      evolution.forgetValue(either);
      ++marked;
    }
  }
  return marked;
}

}  // namespace anymetal::simt
