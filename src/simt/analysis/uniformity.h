// LLVM's uniformity analysis with our own idea of where threads begin to differ.
#pragma once

#include <llvm/ADT/DenseSet.h>
#include <llvm/Analysis/UniformityAnalysis.h>
#include <llvm/IR/PassManager.h>

#include <functional>

namespace llvm {
class Loop;
}

namespace anymetal::simt {

class Uniformity {
 public:
  using Test = std::function<bool(const llvm::Value*)>;
  /// `is_source`: values that differ by themselves. `is_same`: values that never differ.
  Uniformity(llvm::Function& function, Test is_source, Test is_same);
  /// What differs between the steps of `void (ptr frame, i32 step)`. `is_other`: values that do so,
  /// too.
  explicit Uniformity(
      llvm::Function& step_function,
      const Test& is_other = [](const llvm::Value*) { return false; });

  [[nodiscard]] bool is_uniform(const llvm::Value* value) const;
  /// Also behind the loops that it is made in, which some may leave in other turns.
  [[nodiscard]] bool is_uniform_everywhere(const llvm::Value* value) const;
  [[nodiscard]] bool has_divergent_end(const llvm::BasicBlock& block) const {
    return info_->hasDivergentTerminator(block);
  }

 private:
  struct Ways;

  /// False: there are none that the analysis missed.
  bool add_joins(const Ways& ways);
  void add_exits(const llvm::Loop& loop);

  llvm::DenseSet<const llvm::Value*> joins_;  ///< phis behind ways that part
  Test is_source_, is_same_;
  llvm::FunctionAnalysisManager manager_;
  llvm::UniformityInfo* info_;
};

}  // namespace anymetal::simt
