// Lets loops that may never end be stopped: they look at the dispatch's stop flag each time round,
// and leave the threadgroup. Loops that count, whose end LLVM's analysis sees, are left alone.
#pragma once

#include <llvm/IR/Function.h>

#include "backend/llvm_passes.h"

namespace anymetal::backend::cpu {

/// Last of all, when loops have their final form.
void poll_stop(llvm::Function& threadgroup, LlvmPasses& passes);

}  // namespace anymetal::backend::cpu
