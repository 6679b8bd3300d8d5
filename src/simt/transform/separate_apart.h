#pragma once

#include <llvm/IR/Function.h>

#include "simt/analysis/geometry.h"

namespace anymetal::simt {

/// Where a thread reads neighbours and writes others in between, and only the kernel's arguments
/// say whether these are the same memory, there is a copy for the case that they aren't: it reads
/// first.
void separate_apart(llvm::Function& function, const Geometry& geometry);

}  // namespace anymetal::simt
