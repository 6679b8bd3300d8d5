#include "simt/analysis/long_loops.h"

#include <llvm/Analysis/AssumptionCache.h>
#include <llvm/Analysis/LoopInfo.h>
#include <llvm/Analysis/ScalarEvolution.h>
#include <llvm/Analysis/ScalarEvolutionExpressions.h>
#include <llvm/Analysis/TargetLibraryInfo.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/Module.h>

namespace anymetal::simt {

llvm::DenseSet<const llvm::BasicBlock*> find_long_loops(llvm::Function& function) {
  constexpr uint64_t kShort = 1u << 14;
  const llvm::TargetLibraryInfoImpl library(llvm::Triple(function.getParent()->getTargetTriple()));
  llvm::TargetLibraryInfo names(library);
  llvm::AssumptionCache assumptions(function);
  llvm::DominatorTree dominators(function);
  llvm::LoopInfo loops(dominators);
  llvm::ScalarEvolution evolution(function, names, assumptions, dominators, loops);
  llvm::DenseSet<const llvm::BasicBlock*> found;
  for (const llvm::Loop* loop : loops.getLoopsInPreorder()) {
    const auto* turns =
        llvm::dyn_cast<llvm::SCEVConstant>(evolution.getConstantMaxBackedgeTakenCount(loop));
    if (!turns || turns->getAPInt().ugt(kShort)) found.insert(loop->getHeader());
  }
  return found;
}

}  // namespace anymetal::simt
