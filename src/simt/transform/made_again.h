// What regions compute again of what others made, rather than keep it in a slot for each step.
#pragma once

#include <llvm/ADT/DenseMap.h>
#include <llvm/IR/Instructions.h>

namespace anymetal::simt {

class MadeAgain {
 public:
  /// `once`: the block that runs once, behind which regions stand; `same`: what is for all steps.
  MadeAgain(llvm::BasicBlock*& once, const llvm::DenseMap<const llvm::Instruction*, bool>& same)
      : once_(once), same_(same) {}

  /// Whether computing it again takes less than keeping it: addresses and positions, which follow
  /// from the step.
  [[nodiscard]] bool is_cheap(const llvm::Instruction& value) const {
    return is_cheap(&value, 0, /*asks=*/false);
  }

  /// Whether it is better made again than kept, though what all steps share is among its operands:
  /// masks are costly to store and to load, and mostly wanted where lanes part alone; lanes'
  /// positions are an addition or two, and a whole register in each step's slots.
  [[nodiscard]] bool is_better(const llvm::Instruction& value) const;

  /// One slot for all steps, if any.
  [[nodiscard]] bool is_shared_by_steps(const llvm::Instruction& value) const {
    return same_.lookup(&value) && !value.getType()->isVectorTy();
  }

 private:
  [[nodiscard]] bool is_cheap(const llvm::Value* value, int depth, bool asks) const;
  [[nodiscard]] unsigned count_operations(const llvm::Value* value, unsigned most) const;

  llvm::BasicBlock*& once_;
  const llvm::DenseMap<const llvm::Instruction*, bool>& same_;
};

}  // namespace anymetal::simt
