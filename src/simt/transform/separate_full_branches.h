#pragma once

#include <llvm/IR/Function.h>

#include "simt/analysis/geometry.h"

namespace anymetal::simt {

/// What lanes do behind a condition that mostly holds for all of them is there twice, once without
/// masks. Returns whether there was any.
bool separate_full_branches(llvm::Function& function, const Geometry& geometry);

}  // namespace anymetal::simt
