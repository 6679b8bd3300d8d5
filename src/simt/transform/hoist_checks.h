// Loops that go over memory are asked once, before them, whether all their accesses are inside.
#pragma once

#include <llvm/IR/Function.h>

#include "simt/analysis/geometry.h"

namespace anymetal::simt {

/// Of loops with all lanes (separate_full_turns.h) the checks are gone and their entry asks for
/// them; others get a copy without. Whether anything was changed: loops must be simplified and
/// closed again, and what nobody uses be deleted.
bool hoist_checks(llvm::Function& function, const Geometry& geometry);

}  // namespace anymetal::simt
