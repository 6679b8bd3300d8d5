// Cycles with several entries, which a switch into a loop makes (Duff's device), become loops.
#pragma once

#include <llvm/IR/Function.h>
#include <llvm/IR/PassManager.h>

namespace anymetal::simt {

/// Who comes from outside, and who goes round, comes to one new block, which sends each to its
/// entry. Ways within a turn stay: unlike with LLVM's FixIrreducible, lanes that go from one entry
/// to another are still in the turn of those that pass the other one by. Takes branches only, no
/// switches. Whether anything was changed.
bool give_one_entry(llvm::Function& function);

/// The same for any function, which loses its switches where there are such cycles. Before whatever
/// simplifies loops: it would take some of the ways round for a loop of their own.
struct GiveOneEntryPass : llvm::PassInfoMixin<GiveOneEntryPass> {
  static llvm::PreservedAnalyses run(llvm::Function& function,
                                     llvm::FunctionAnalysisManager& analyses);
};

}  // namespace anymetal::simt
