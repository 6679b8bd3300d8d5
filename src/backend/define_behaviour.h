// Gives a defined meaning to what LLVM leaves undefined, so that no kernel, however wrong, can
// crash the process or have its bounds checks optimised away: division by zero, shifts past the
// width, conversions out of range, uninitialised variables, unreachable code, misaligned pointers.
// Runs first, on each function before it is put into another.
#pragma once

#include <llvm/IR/Function.h>

namespace anymetal::backend {

/// For a function that is then put into another one.
void define_callee(llvm::Function& function);

/// For the entry, with all calls in it; what was defined before stays as it is.
void define_behaviour(llvm::Function& entry);

}  // namespace anymetal::backend
