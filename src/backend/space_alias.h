// What LLVM's passes don't know of the address spaces of Metal: device, threadgroup and constant
// memory lie apart, nothing writes constant memory while a kernel runs, and what steps keep in
// scratch memory nobody else reads or writes.
#pragma once

#include <llvm/Analysis/AliasAnalysis.h>
#include <llvm/IR/PassManager.h>

namespace anymetal::backend {

class SpaceAliases : public llvm::AAResultBase {
 public:
  llvm::AliasResult alias(const llvm::MemoryLocation& a, const llvm::MemoryLocation& b,
                          llvm::AAQueryInfo& query, const llvm::Instruction* at);
  llvm::ModRefInfo getModRefInfoMask(const llvm::MemoryLocation& place, llvm::AAQueryInfo& query,
                                     bool ignores_locals);
  bool invalidate(llvm::Function&, const llvm::PreservedAnalyses&,
                  llvm::FunctionAnalysisManager::Invalidator&) {
    return false;
  }
};

class SpaceAliasAnalysis : public llvm::AnalysisInfoMixin<SpaceAliasAnalysis> {
 public:
  using Result = SpaceAliases;
  Result run(llvm::Function&, llvm::FunctionAnalysisManager&) { return SpaceAliases(); }

 private:
  friend llvm::AnalysisInfoMixin<SpaceAliasAnalysis>;
  static llvm::AnalysisKey Key;
};

}  // namespace anymetal::backend
