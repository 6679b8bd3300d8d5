// LLVM's own passes over one function, with the analyses that they ask for; and the check of what
// passes leave behind.
#pragma once

#include <llvm/IR/Function.h>
#include <llvm/IR/PassManager.h>
#include <llvm/Passes/PassBuilder.h>

#include <string_view>
#include <utility>

#include "support/result.h"

namespace llvm {
class TargetMachine;
}

namespace anymetal::backend {

class LlvmPasses {
 public:
  /// With a machine, passes know what its instructions cost, and that address spaces lie apart.
  explicit LlvmPasses(llvm::TargetMachine* machine = nullptr);

  template <class... Pass>
  void run(llvm::Function& function, Pass... pass) {
    llvm::FunctionPassManager manager;
    (manager.addPass(std::move(pass)), ...);
    run(function, std::move(manager));
  }
  void run(llvm::Function& function, llvm::FunctionPassManager manager);

  /// For those who change a function without saying what they keep.
  void clear() { functions_.clear(); }
  llvm::FunctionAnalysisManager& functions() { return functions_; }

 private:
  llvm::LoopAnalysisManager loops_;
  llvm::FunctionAnalysisManager functions_;
  llvm::CGSCCAnalysisManager cgscc_;
  llvm::ModuleAnalysisManager modules_;
};

/// `after`: the pass that is to blame.
[[nodiscard]] Result<void> verify(const llvm::Module& module, std::string_view after);

/// Whether the IR is verified after each pass: in debug builds, and where ANYMETAL_VERIFY=each. It
/// takes as long as all of our passes together.
[[nodiscard]] bool verifies_each_pass();

}  // namespace anymetal::backend
