// From LLVM's debug locations to places in the user's text.
#pragma once

#include <llvm/IR/DebugLoc.h>

#include "backend/kernel_image.h"

namespace anymetal::backend {

/// The innermost place that is in the user's text; code inlined from our standard library, whose
/// files stand in angle brackets or have no name, counts as where it was called. Adds the file to
/// `image` if it is new.
[[nodiscard]] Place find_place(const llvm::DebugLoc& location, KernelImage& image);

}  // namespace anymetal::backend
