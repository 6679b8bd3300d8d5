// Small branches that part lanes become selects: both ways run anyway, under masks, so without the
// branch there are no masks to make, to keep and to blend by.
#pragma once

#include <llvm/IR/Function.h>

#include "simt/analysis/geometry.h"

namespace anymetal::simt {

/// Of a function in the form that ControlFlow wants, which it keeps. Returns how many branches are
/// gone.
unsigned flatten_branches(llvm::Function& function, const Geometry& geometry);

}  // namespace anymetal::simt
