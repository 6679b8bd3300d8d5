// LLVM's passes before and after threads become lanes.
#pragma once

#include <llvm/IR/Function.h>

#include "backend/llvm_passes.h"

namespace anymetal::backend::cpu {

/// On the code of one thread: as few instructions as possible, small loops unrolled, variables as
/// values. Nothing is vectorised, and no integer gets wider: lanes have 32 bits where they can.
void optimise_thread(llvm::Function& entry, LlvmPasses& passes);

/// On the code of a threadgroup: what vectorising left behind.
void optimise_threadgroup(llvm::Function& threadgroup, LlvmPasses& passes);

}  // namespace anymetal::backend::cpu
