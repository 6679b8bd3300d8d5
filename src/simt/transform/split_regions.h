// Barriers: the code of a step becomes regions, in each of which a loop runs over all steps.
#pragma once

#include <llvm/IR/Function.h>

#include "simt/analysis/geometry.h"
#include "support/result.h"

namespace anymetal::simt {

/// Marks variables of threads, which keep their values from region to region.
inline constexpr const char* kPrivateVariable = "am.private";

/// `void (ptr frame, i32 step)` becomes `void (ptr frame)`. Returns the number of regions. Errors:
/// unsupported if steps may come to different barriers.
[[nodiscard]] Result<uint32_t> split_regions(llvm::Function*& function, const Geometry& geometry);

}  // namespace anymetal::simt
