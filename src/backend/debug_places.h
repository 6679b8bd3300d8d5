// From LLVM's debug locations to places in the user's text.
#pragma once

#include <llvm/IR/DebugLoc.h>
#include <llvm/IR/Function.h>

#include "backend/kernel_image.h"

namespace anymetal::backend {

/// The innermost place that is in the user's text; code inlined from our standard library, whose
/// files stand in angle brackets or have no name, counts as where it was called. Adds the file to
/// `image` if it is new.
[[nodiscard]] Place find_place(const llvm::DebugLoc& location, KernelImage& image);

/// A named metadata of a module whose assembly is to lead back to the user's lines. It is for
/// people: code that runs is made without.
inline constexpr const char* kKeepPlaces = "anymetal.keep_places";

/// Debug locations have served: takes them away. Where they are to be kept, leaves the user's
/// places alone (find_place), as if nothing had been inlined.
void drop_places(llvm::Function& function);

}  // namespace anymetal::backend
