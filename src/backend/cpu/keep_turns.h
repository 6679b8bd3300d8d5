// Loops in which threads meet, or see what others write, keep the ends of their turns.
#pragma once

#include <llvm/IR/Function.h>
#include <llvm/IR/PassManager.h>

namespace anymetal::backend::cpu {

/// `do { if (take(lock)) { ...; give(lock); done = true; } } while (!done);`: who knows there that
/// it is done would go from there behind the loop, to LLVM, and then waits there for all the
/// others, the lock in its hands. A call that nothing is known of keeps ways that meet in a turn
/// together. Another one keeps what a thread changes in its turn, and only there, from being read
/// once for all turns.
struct KeepTurnsPass : llvm::PassInfoMixin<KeepTurnsPass> {
  static llvm::PreservedAnalyses run(llvm::Function& function,
                                     llvm::FunctionAnalysisManager& analyses);
};

/// Takes the calls away.
void drop_turns(llvm::Module& module);

}  // namespace anymetal::backend::cpu
