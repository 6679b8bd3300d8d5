// Conversions of vectors of floats to whole numbers, the nearest one for what is out of range.
//
// Why: LLVM 19 has code for one at a time, and makes jumps for each lane: `int(x)` of 16 lanes is
// some 140 instructions.
#pragma once

#include <llvm/IR/Function.h>

namespace anymetal::backend::cpu {

/// Makes of `llvm.fptosi.sat` and `llvm.fptoui.sat` of vectors of float a conversion of what is in
/// range, and selects for the rest: 0 for NaN.
void saturate_conversions(llvm::Function& function);

}  // namespace anymetal::backend::cpu
