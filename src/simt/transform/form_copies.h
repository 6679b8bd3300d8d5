// Copies that are written element by element.
#pragma once

#include <llvm/IR/Function.h>

namespace anymetal::simt {

/// Makes one load and one store of what a thread copies from neighbouring elements to neighbouring
/// ones, up to 64 bytes; returns how many. `is_large`: 32-bit indices may wrap around within
/// buffers.
unsigned form_copies(llvm::Function& function, bool is_large = false);

}  // namespace anymetal::simt
