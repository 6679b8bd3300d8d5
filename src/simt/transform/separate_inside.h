#pragma once

#include <llvm/IR/Function.h>

#include "simt/analysis/geometry.h"

namespace anymetal::simt {

/// Accesses that mostly are inside their objects for all lanes are there twice, once without masks.
void separate_inside(llvm::Function& function, const Geometry& geometry);

}  // namespace anymetal::simt
