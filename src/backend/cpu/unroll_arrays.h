#pragma once

#include <llvm/IR/PassManager.h>

namespace anymetal::backend::cpu {

/// Marks loops to be unrolled that index arrays of the thread's own by their counter, up to a size
/// well beyond LLVM's, for LLVM's pass behind it.
class UnrollArrays : public llvm::PassInfoMixin<UnrollArrays> {
 public:
  llvm::PreservedAnalyses run(llvm::Function& entry, llvm::FunctionAnalysisManager& analyses);
};

}  // namespace anymetal::backend::cpu
