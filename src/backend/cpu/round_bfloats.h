#pragma once

#include <llvm/IR/Function.h>

namespace anymetal::backend::cpu {

/// Lines of floats that are rounded to bfloat and stored are rounded by the processor's instruction
/// where no float is denormal, which it would take for zero. For AVX-512 with BF16. Returns how
/// many lines.
unsigned round_bfloats(llvm::Function& threadgroup);

}  // namespace anymetal::backend::cpu
