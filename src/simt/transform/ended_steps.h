// Steps all lanes of which have returned, in the loops over steps that regions are.
#pragma once

#include <llvm/IR/IRBuilder.h>

#include <map>
#include <vector>

#include "simt/analysis/geometry.h"

namespace anymetal::simt {

/// The calls of simt.ends_step. Each comes to stand at its block's end.
[[nodiscard]] std::vector<llvm::CallInst*> split_at_ends(llvm::Function& function);

/// Makes a branch of such a call.
void branch_to_end(llvm::CallInst& call, llvm::BasicBlock* end);

/// They are left out in all regions behind: which region comes next is what those say that are
/// there still. Where none is, the threadgroup has ended.
class EndedSteps {
 public:
  /// `counter`: the variable of the step that is there.
  EndedSteps(llvm::IRBuilder<>& prologue, const Geometry& geometry, llvm::AllocaInst* counter,
             llvm::Value* steps);

  /// A block by which a step leaves the region of this head.
  [[nodiscard]] llvm::BasicBlock* make_way(llvm::BasicBlock* head, llvm::BasicBlock* target);

  /// Behind all ways. `step` begins each step, `latch` ends it, `decision` comes behind the last.
  void emit_region(llvm::BasicBlock* head, llvm::BasicBlock& start, llvm::BasicBlock& step,
                   llvm::BasicBlock& latch, llvm::BasicBlock& decision, llvm::BasicBlock& end);

  /// Behind emit_region. The block that a step ends at.
  [[nodiscard]] llvm::BasicBlock* make_end(llvm::BasicBlock* head);

 private:
  struct Way {
    llvm::BasicBlock *block, *target;
  };

  [[nodiscard]] llvm::Value* flag(llvm::IRBuilder<>& builder) const;

  llvm::LLVMContext& context_;
  llvm::Function& function_;
  llvm::AllocaInst *counter_, *flags_, *alive_, *way_;
  llvm::Type* flags_type_;
  std::map<llvm::BasicBlock*, std::vector<Way>> ways_;
  std::map<llvm::BasicBlock*, llvm::BasicBlock*> latches_;
};

}  // namespace anymetal::simt
