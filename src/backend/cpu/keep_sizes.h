// Accesses of one buffer by elements of several sizes, of which some may be outside in part.
#pragma once

#include <llvm/IR/Function.h>
#include <llvm/IR/PassManager.h>

namespace anymetal::backend::cpu {

/// `uint s = *(device uint*)p; if (is_last) s = p[0];`: to LLVM the byte is one of the word that
/// was read, and a byte that a word is written over needn't be written. Not so with checked bounds,
/// where the word may be outside and the byte isn't. So the addresses of wider accesses become such
/// as nothing is known of, one for each size.
struct KeepSizesPass : llvm::PassInfoMixin<KeepSizesPass> {
  static llvm::PreservedAnalyses run(llvm::Function& function,
                                     llvm::FunctionAnalysisManager& analyses);
};

/// Takes that back.
struct JoinSizesPass : llvm::PassInfoMixin<JoinSizesPass> {
  static llvm::PreservedAnalyses run(llvm::Function& function,
                                     llvm::FunctionAnalysisManager& analyses);
};

}  // namespace anymetal::backend::cpu
