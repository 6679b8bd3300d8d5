// A piece of a block that is there twice, in a general form and in one that may suppose something:
// a question above says which of the two runs.
#pragma once

#include <llvm/ADT/StringRef.h>
#include <llvm/IR/BasicBlock.h>
#include <llvm/IR/Instruction.h>
#include <llvm/Transforms/Utils/ValueMapper.h>

namespace anymetal::simt {

struct DoubledPiece {
  llvm::BasicBlock* above;  ///< has no end yet: a branch to one of the two belongs there
  llvm::BasicBlock *original, *copy;
};

/// What the blocks are called; the copy as the original, with `copy` behind it.
struct PieceNames {
  llvm::StringRef original, copy, below;
};

/// Makes the piece from `first` to `last` of a block a block of its own, with a copy in front of
/// it. What it computes and others use comes from the one that ran. `copies`: of each instruction.
[[nodiscard]] DoubledPiece double_piece(llvm::Instruction& first, llvm::Instruction& last,
                                        const PieceNames& names, llvm::ValueToValueMapTy& copies);

}  // namespace anymetal::simt
