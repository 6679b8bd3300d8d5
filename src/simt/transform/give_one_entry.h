// Cycles with several entries, which a switch into a loop makes (Duff's device), become loops.
#pragma once

#include <llvm/IR/Function.h>

namespace anymetal::simt {

/// Who comes from outside, and who goes round, comes to one new block, which sends each to its
/// entry. Ways within a turn stay: unlike with LLVM's FixIrreducible, lanes that go from one entry
/// to another are still in the turn of those that pass the other one by. Takes branches only, no
/// switches. Whether anything was changed.
bool give_one_entry(llvm::Function& function);

}  // namespace anymetal::simt
