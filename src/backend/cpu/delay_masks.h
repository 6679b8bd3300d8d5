#pragma once

#include "backend/llvm_passes.h"

namespace anymetal::backend::cpu {

/// Makes masks where they are asked for, if that isn't where code always comes by.
void delay_masks(llvm::Function& threadgroup, LlvmPasses& passes);

}  // namespace anymetal::backend::cpu
