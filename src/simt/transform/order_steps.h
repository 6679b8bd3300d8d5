// Steps that touch the same threadgroup memory between two barriers advance together.
#pragma once

#include <llvm/IR/Function.h>

namespace anymetal::simt {

/// Puts a barrier before each access to threadgroup memory that must not overtake another step's,
/// into `void (ptr frame, i32 step)`. Returns how many.
unsigned order_steps(llvm::Function& function);

}  // namespace anymetal::simt
