// LLVM's analyses of loops and of what they count, for a function as it is when they are made.
#pragma once

#include <llvm/Analysis/AssumptionCache.h>
#include <llvm/Analysis/LoopInfo.h>
#include <llvm/Analysis/ScalarEvolution.h>
#include <llvm/Analysis/TargetLibraryInfo.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/Module.h>

namespace anymetal::simt {

class LoopAnalyses {
 public:
  explicit LoopAnalyses(llvm::Function& function)
      : library_(llvm::Triple(function.getParent()->getTargetTriple())),
        names_(library_),
        assumptions(function),
        dominators(function),
        loops(dominators),
        evolution(function, names_, assumptions, dominators, loops) {}

 private:
  llvm::TargetLibraryInfoImpl library_;
  llvm::TargetLibraryInfo names_;

 public:
  llvm::AssumptionCache assumptions;
  llvm::DominatorTree dominators;
  llvm::LoopInfo loops;
  llvm::ScalarEvolution evolution;
};

}  // namespace anymetal::simt
