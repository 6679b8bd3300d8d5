// The am.texture_* builtins on the reference executor. What comes in: a handle, coordinates and a
// sampler's bits, all of which a kernel can make up. What goes out: texels by the specification's
// rules (6.12, 8.7), zeros where there is nothing to read.
#pragma once

#include "backend/object_linker.h"

namespace anymetal::backend::reference {

/// By IR name.
[[nodiscard]] RuntimeSymbols texture_functions();

}  // namespace anymetal::backend::reference
