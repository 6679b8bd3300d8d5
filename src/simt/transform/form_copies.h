// Copies that are written element by element.
#pragma once

#include <llvm/IR/Function.h>

namespace anymetal::simt {

/// Makes one load and one store of what a thread copies from neighbouring elements to neighbouring
/// ones, up to 64 bytes; returns how many.
unsigned form_copies(llvm::Function& function);

}  // namespace anymetal::simt
