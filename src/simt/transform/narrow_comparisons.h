// Comparisons of 32-bit indices that were widened for it.
#pragma once

#include <llvm/IR/Function.h>

#include "simt/analysis/geometry.h"

namespace anymetal::simt {

/// Returns how many it made narrower.
unsigned narrow_comparisons(llvm::Function& function, const Geometry& geometry);

}  // namespace anymetal::simt
