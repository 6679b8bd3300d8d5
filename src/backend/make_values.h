#pragma once

#include "backend/llvm_passes.h"

namespace anymetal::backend {

/// Makes values of variables (SROA), and leaves blocks and calls as they are. Variables that are
/// accessed at places known to be outside stay variables, for those who check accesses.
void make_values(LlvmPasses& passes, llvm::Function& function);

}  // namespace anymetal::backend
