#include "backend/choose_values.h"

#include <llvm/ADT/PostOrderIterator.h>
#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/CFG.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/IntrinsicInst.h>

#include <vector>

namespace anymetal::backend {
namespace {

using llvm::dyn_cast;
using llvm::isa;

// More than a select is worth; conversions of small floating-point numbers take fewer.
constexpr size_t kMaxInstructions = 16;

bool is_plain(const llvm::Instruction& instruction) {
  if (const auto* call = dyn_cast<llvm::CallInst>(&instruction)) {
    if (!isa<llvm::IntrinsicInst>(call) || call->isConvergent()) return false;
  }
  // A division may be there only because what would make it trap goes the other way.
  return !isa<llvm::PHINode>(instruction) && !isa<llvm::AllocaInst>(instruction) &&
         !instruction.mayReadOrWriteMemory() && !instruction.mayHaveSideEffects() &&
         llvm::isSafeToSpeculativelyExecute(&instruction);
}

/// Whether the block only computes something between `before` and the block that it leads to.
bool is_choice(llvm::BasicBlock* block, llvm::BasicBlock* before) {
  if (block->getSinglePredecessor() != before || !block->getSingleSuccessor()) return false;
  size_t count = 0;
  for (llvm::Instruction& instruction : *block) {
    if (instruction.isTerminator()) break;
    if (++count > kMaxInstructions || !is_plain(instruction)) return false;
  }
  return isa<llvm::BranchInst>(block->getTerminator());
}

/// Where both ways of a branch meet, or null. The ways go through one block or none.
llvm::BasicBlock* join_of(const llvm::BranchInst& branch) {
  llvm::BasicBlock* before = const_cast<llvm::BasicBlock*>(branch.getParent());
  llvm::BasicBlock *yes = branch.getSuccessor(0), *no = branch.getSuccessor(1);
  if (yes == no) return nullptr;
  const bool through_yes = is_choice(yes, before), through_no = is_choice(no, before);
  llvm::BasicBlock* after_yes = through_yes ? yes->getSingleSuccessor() : nullptr;
  llvm::BasicBlock* after_no = through_no ? no->getSingleSuccessor() : nullptr;
  if (after_yes == no) return no;
  if (after_no == yes) return yes;
  return after_yes == after_no ? after_yes : nullptr;
}

void choose(llvm::BranchInst& branch, llvm::BasicBlock* join) {
  llvm::BasicBlock* before = branch.getParent();
  std::vector<llvm::BasicBlock*> ways;  // as the join sees them; `before` itself where one is empty
  for (unsigned at = 0; at < 2; ++at) {
    llvm::BasicBlock* way = branch.getSuccessor(at);
    ways.push_back(way == join ? before : way);
    if (way != join) {
      before->splice(branch.getIterator(), way, way->begin(), way->getTerminator()->getIterator());
    }
  }
  llvm::IRBuilder<> builder(&branch);
  for (llvm::PHINode& phi : join->phis()) {
    llvm::Value* yes = phi.getIncomingValueForBlock(ways[0]);
    llvm::Value* no = phi.getIncomingValueForBlock(ways[1]);
    llvm::Value* chosen = yes == no ? yes : builder.CreateSelect(branch.getCondition(), yes, no);
    for (llvm::BasicBlock* way : ways) phi.removeIncomingValue(way, /*DeletePHIIfEmpty=*/false);
    phi.addIncoming(chosen, before);
  }
  builder.CreateBr(join);
  branch.eraseFromParent();
  for (llvm::BasicBlock* way : ways) {
    if (way != before) way->eraseFromParent();
  }
}

/// A join that is reached from here alone belongs here: another choice may now lie around it.
void take_in(llvm::BasicBlock* before, llvm::BasicBlock* join) {
  if (join->getSinglePredecessor() != before || join == before) return;
  while (auto* phi = dyn_cast<llvm::PHINode>(&join->front())) {
    phi->replaceAllUsesWith(phi->getIncomingValue(0));
    phi->eraseFromParent();
  }
  before->getTerminator()->eraseFromParent();
  join->replaceSuccessorsPhiUsesWith(before);
  before->splice(before->end(), join);
  join->eraseFromParent();
}

}  // namespace

void choose_values(llvm::Function& function) {
  // Inner choices come first; each may make a choice of what is around it.
  std::vector<llvm::BasicBlock*> open(llvm::po_begin(&function), llvm::po_end(&function));
  std::vector<llvm::WeakVH> blocks(open.begin(), open.end());
  for (llvm::WeakVH& handle : blocks) {
    while (auto* block = llvm::cast_or_null<llvm::BasicBlock>(static_cast<llvm::Value*>(handle))) {
      auto* branch = dyn_cast<llvm::BranchInst>(block->getTerminator());
      llvm::BasicBlock* join = branch && branch->isConditional() ? join_of(*branch) : nullptr;
      if (!join || join->phis().empty()) break;
      choose(*branch, join);
      take_in(block, join);
    }
  }
}

}  // namespace anymetal::backend
