#include "simt/transform/double_piece.h"

#include <llvm/ADT/SmallVector.h>
#include <llvm/IR/Instructions.h>
#include <llvm/Transforms/Utils/Cloning.h>

#include <iterator>

namespace anymetal::simt {
namespace {

/// What the piece has made and others use comes from one of the two.
void join_values(llvm::BasicBlock& original, llvm::BasicBlock& copy, llvm::BasicBlock& below,
                 llvm::ValueToValueMapTy& copies) {
  for (llvm::Instruction& instruction : original) {
    llvm::SmallVector<llvm::Use*, 8> outside;
    for (llvm::Use& use : instruction.uses()) {
      const auto* user = llvm::cast<llvm::Instruction>(use.getUser());
      if (llvm::isa<llvm::PHINode>(user) || user->getParent() != &original) outside.push_back(&use);
    }
    if (outside.empty()) continue;
    auto* either =
        llvm::PHINode::Create(instruction.getType(), 2, instruction.getName(), below.begin());
    either->addIncoming(&instruction, &original);
    either->addIncoming(copies[&instruction], &copy);
    for (llvm::Use* use : outside) use->set(either);
  }
}

}  // namespace

DoubledPiece double_piece(llvm::Instruction& first, llvm::Instruction& last,
                          const PieceNames& names, llvm::ValueToValueMapTy& copies) {
  llvm::BasicBlock* above = first.getParent();
  llvm::BasicBlock* original = above->splitBasicBlock(&first, names.original);
  llvm::BasicBlock* below = original->splitBasicBlock(std::next(last.getIterator()), names.below);
  llvm::BasicBlock* copy =
      llvm::CloneBasicBlock(original, copies, names.copy, original->getParent());
  copy->moveBefore(original);
  for (llvm::Instruction& instruction : *copy) {
    llvm::RemapInstruction(&instruction, copies,
                           llvm::RF_NoModuleLevelChanges | llvm::RF_IgnoreMissingLocals);
  }
  join_values(*original, *copy, *below, copies);
  above->getTerminator()->eraseFromParent();
  return {above, original, copy};
}

}  // namespace anymetal::simt
