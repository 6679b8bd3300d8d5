// Makes selects of small branches that only choose between values: `x ? a : b`, `if (c) v = -v;`.
//
// Why: a read whose value may be thrown away is judged where the value is used (defer_reads.h), and
// a branch counts as a use. But published kernels take numbers apart with such branches (a
// conversion from eight bits asks for zero first) before they ask whether the place was inside.
#pragma once

#include <llvm/IR/Function.h>

namespace anymetal::backend {

/// What is undefined must be defined, for computations are made that weren't asked for. Blocks with
/// calls, loads or stores stay, so nothing changes about who meets where.
void choose_values(llvm::Function& function);

}  // namespace anymetal::backend
