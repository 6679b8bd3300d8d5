// Gives a defined meaning to what LLVM leaves undefined, so that no kernel, however wrong, can
// crash the process or have its bounds checks optimised away: division by zero, shifts past the
// width, conversions out of range, uninitialised variables, unreachable code, misaligned pointers.
// Runs first, right after inlining.
#pragma once

#include <llvm/IR/Function.h>

namespace anymetal::backend {

void define_behaviour(llvm::Function& entry);

}  // namespace anymetal::backend
