// The IR of one thread as the rules read it: one function, everything called put into it, variables
// as values, but control flow and operations as the user wrote them.
#pragma once

#include <llvm/ADT/DenseMap.h>
#include <llvm/Analysis/LoopInfo.h>
#include <llvm/Analysis/PostDominators.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/Instructions.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ir/thread_ir.h"
#include "lint/lint.h"
#include "simt/analysis/uniformity.h"
#include "support/result.h"

namespace anymetal::lint {

/// A load, a store or an atomic operation.
struct Access {
  llvm::Instruction* instruction = nullptr;
  llvm::Value* pointer = nullptr;
  llvm::Value* object = nullptr;  ///< an argument, a global or an alloca; null: not known
  uint64_t bytes = 0;
  bool reads = false;
  bool writes = false;
  bool atomic = false;
};

/// What must hold for a block to run.
struct Condition {
  llvm::Value* value;
  bool sense;
  llvm::BasicBlock* branch;  ///< whose end asks
};

class ThreadCode {
 public:
  /// `threadgroup`: its size, if it is known.
  [[nodiscard]] static Result<std::unique_ptr<ThreadCode>> make(
      ThreadIr ir, const std::optional<Size>& threadgroup);

  [[nodiscard]] llvm::Function& function() const { return *function_; }
  [[nodiscard]] const KernelInterface& interface() const { return ir_.interface; }
  [[nodiscard]] const llvm::DataLayout& layout() const { return function_->getDataLayout(); }
  [[nodiscard]] const llvm::DominatorTree& dominators() const { return dominators_; }
  [[nodiscard]] const llvm::PostDominatorTree& post_dominators() const { return post_dominators_; }
  [[nodiscard]] const llvm::LoopInfo& loops() const { return loops_; }
  /// What is the same in all threads of a threadgroup, and in all lanes of a simdgroup.
  [[nodiscard]] const simt::Uniformity& in_threadgroup() const { return *in_threadgroup_; }
  [[nodiscard]] const simt::Uniformity& in_simdgroup() const { return *in_simdgroup_; }
  [[nodiscard]] const std::vector<Access>& accesses() const { return accesses_; }
  [[nodiscard]] std::vector<Condition> conditions(const llvm::BasicBlock* block) const;
  /// "shape" of the entry's argument, "partial" of a variable.
  [[nodiscard]] std::string name_of(const llvm::Value* object) const;
  /// The kernel's parameter behind an argument of the entry; null: none.
  [[nodiscard]] const Parameter* parameter_of(const llvm::Value* object) const;
  /// Whether the kernel counts its threads along an axis (1 y, 2 z).
  [[nodiscard]] bool uses_axis(unsigned axis) const { return uses_axis_[axis]; }

  /// Whether it asks for its place along a second axis of the grid, and not of the threadgroup.
  [[nodiscard]] bool has_flat_grid_of_two_axes() const { return uses_grid_axis_ && !uses_axis_[1]; }
  /// Of an instruction, in the order of the text.
  [[nodiscard]] unsigned number_of(const llvm::Instruction* instruction) const {
    return numbers_.lookup(instruction);
  }
  /// The innermost loop that holds both.
  [[nodiscard]] llvm::Loop* common_loop(const llvm::Instruction* a,
                                        const llvm::Instruction* b) const;

 private:
  ThreadCode() = default;
  void prepare();
  void analyse();
  void find_accesses();

  ThreadIr ir_;
  std::optional<Size> threadgroup_;
  llvm::Function* function_ = nullptr;
  llvm::DominatorTree dominators_;
  llvm::PostDominatorTree post_dominators_;
  llvm::LoopInfo loops_;
  std::unique_ptr<simt::Uniformity> in_threadgroup_, in_simdgroup_;
  std::vector<Access> accesses_;
  std::vector<const Parameter*> parameters_;
  llvm::DenseMap<const llvm::Instruction*, unsigned> numbers_;
  bool uses_axis_[3] = {true, false, false};
  bool uses_grid_axis_ = false;
};

/// "threadgroup_barrier" of a call to am.threadgroup_barrier, without the element type; empty for
/// all else.
[[nodiscard]] llvm::StringRef builtin_name(const llvm::Value* value);

[[nodiscard]] inline unsigned address_space(const llvm::Value* pointer) {
  return pointer->getType()->getPointerAddressSpace();
}

}  // namespace anymetal::lint
