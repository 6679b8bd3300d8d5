// Functions of the host that LLVM itself makes calls of, whatever the kernel: copies of memory,
// conversions of narrow floats, and math intrinsics for which the machine has no instruction.
#pragma once

#include "backend/object_linker.h"

namespace anymetal::backend {

void add_host_functions(RuntimeSymbols& symbols);

}  // namespace anymetal::backend
