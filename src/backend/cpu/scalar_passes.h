// LLVM's passes before and after threads become lanes.
#pragma once

#include <llvm/IR/Function.h>

#include <cstdint>

#include "backend/llvm_passes.h"

namespace anymetal::backend::cpu {

/// Which loops become straight code.
enum class Unrolling : uint8_t {
  as_asked,  ///< small ones, and those of which the text says so
  small,     ///< whatever the text says
  none,
};

/// On the code of one thread: as few instructions as possible, small loops unrolled, variables as
/// values. Nothing is vectorised, and no integer gets wider: lanes have 32 bits where they can.
/// `checks_bounds`: each access will be checked for itself.
void optimise_thread(llvm::Function& entry, LlvmPasses& passes, Unrolling unrolling,
                     bool checks_bounds);

/// On a function that is then put into others, many times: its loops are unrolled once. LLVM takes
/// time for each loop in proportion to the loop around it, where all of them come to stand.
void optimise_callee(llvm::Function& callee, LlvmPasses& passes, Unrolling unrolling);

/// On the code of a threadgroup: what vectorising left behind.
void optimise_threadgroup(llvm::Function& threadgroup, LlvmPasses& passes);

}  // namespace anymetal::backend::cpu
