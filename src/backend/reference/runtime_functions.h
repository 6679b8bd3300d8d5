// The functions that compiled code may call, and nothing else: meetings, what happens at a stop or
// at an access outside a buffer, memory and math functions, conversions that compilers call by
// themselves.
#pragma once

#include "backend/object_linker.h"

namespace anymetal::backend::reference {

/// Built once.
[[nodiscard]] const RuntimeSymbols& runtime_symbols();

}  // namespace anymetal::backend::reference
