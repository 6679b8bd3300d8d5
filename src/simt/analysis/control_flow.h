// The control flow of one thread, seen by many: which branches part the lanes of a step, which
// blocks then run for some of them only, and in which order the blocks are laid out so that every
// lane comes by all the blocks it wants.
#pragma once

#include <llvm/ADT/DenseMap.h>
#include <llvm/ADT/DenseSet.h>
#include <llvm/Analysis/LoopInfo.h>
#include <llvm/Analysis/PostDominators.h>
#include <llvm/IR/Dominators.h>

#include <memory>
#include <vector>

#include "simt/analysis/geometry.h"
#include "simt/analysis/uniformity.h"

namespace anymetal::simt {

/// Of a function in the form that `prepare` gives: one exit, loops simplified and closed (LCSSA),
/// branches with two targets at most.
class ControlFlow {
 public:
  ControlFlow(llvm::Function& function, const Geometry& geometry);

  /// Topological but for back edges; the blocks of a loop stand together.
  [[nodiscard]] const std::vector<llvm::BasicBlock*>& order() const { return order_; }
  [[nodiscard]] unsigned index(const llvm::BasicBlock* block) const { return index_.at(block); }

  [[nodiscard]] bool is_uniform(const llvm::Instruction* instruction) const;
  /// Whether lanes may leave the block in different directions.
  [[nodiscard]] bool is_divergent(const llvm::BasicBlock* block) const {
    return divergent_.contains(block);
  }
  /// Whether the block may run for some lanes of a step only.
  [[nodiscard]] bool is_masked(const llvm::BasicBlock* block) const {
    return masked_.contains(block);
  }
  /// Another block whose lanes are always the same ones as this block's, and which runs before it;
  /// the block itself if there is none.
  [[nodiscard]] const llvm::BasicBlock* leader(const llvm::BasicBlock* block) const {
    return leader_.lookup(block);
  }
  /// Whether the lanes that come to the block at one time all come from the same one before it.
  [[nodiscard]] bool comes_one_way(const llvm::BasicBlock* block) const;
  [[nodiscard]] bool has_barrier(const llvm::BasicBlock* block) const {
    return with_barrier_.contains(block);
  }
  /// Whether what the block's end asks for differs between lanes, and barriers stand on their ways.
  [[nodiscard]] bool parts_before_barrier(llvm::BasicBlock* block) const;
  /// Whether barriers stand on both ways that part there, before these are one again.
  [[nodiscard]] bool parts_to_barriers(llvm::BasicBlock* block) const;
  [[nodiscard]] bool has_barriers() const { return !with_barrier_.empty(); }
  [[nodiscard]] llvm::Loop* loop_of(const llvm::BasicBlock* block) const {
    return loops_.getLoopFor(block);
  }
  [[nodiscard]] const llvm::LoopInfo& loops() const { return loops_; }
  [[nodiscard]] const llvm::DominatorTree& dominators() const { return dominators_; }
  /// Whether lanes leave the loop in different iterations.
  [[nodiscard]] bool has_divergent_exit(const llvm::Loop* loop) const;

 private:
  void lay_out(llvm::Loop* loop, llvm::BasicBlock* entry, std::vector<llvm::BasicBlock*>& out);
  void find_full_blocks();
  void find_divergence();
  void find_leaders();
  void find_barriers(llvm::Function& function);
  [[nodiscard]] llvm::DenseSet<llvm::BasicBlock*> influence(llvm::BasicBlock* branch,
                                                            bool over_back_edges) const;
  [[nodiscard]] bool is_full(const llvm::BasicBlock* block, const llvm::BasicBlock* branch) const;
  [[nodiscard]] bool always_reaches(llvm::BasicBlock* from, llvm::BasicBlock* to) const;

  const Geometry& geometry_;
  llvm::DominatorTree dominators_;
  llvm::PostDominatorTree post_dominators_;
  llvm::LoopInfo loops_;
  std::unique_ptr<Uniformity> uniformity_;
  std::vector<llvm::BasicBlock*> order_;
  llvm::DenseMap<const llvm::BasicBlock*, unsigned> index_;
  llvm::DenseSet<const llvm::BasicBlock*> divergent_, masked_, with_barrier_, to_barrier_;
  llvm::SmallVector<const llvm::BasicBlock*, 4> full_;
  llvm::DenseMap<const llvm::BasicBlock*, const llvm::BasicBlock*> leader_;
};

/// "am.simd_sum.f32" of a call, or nothing.
[[nodiscard]] llvm::StringRef callee_name(const llvm::Value* value);

}  // namespace anymetal::simt
