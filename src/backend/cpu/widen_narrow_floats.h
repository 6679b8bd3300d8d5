// half and bfloat as what the machine computes with.
#pragma once

#include <llvm/IR/Function.h>

namespace anymetal::backend::cpu {

/// Gives bfloats the type of 16-bit integers, and has all that is computed of them computed in
/// float and rounded to nearest even, by integer instructions. The same for those operations of
/// half for which LLVM has no vector code unless `has_half_arithmetic`. No bfloat is left.
///
/// The last pass before code generation: LLVM's simplifications would undo it.
void widen_narrow_floats(llvm::Function& function, bool has_half_arithmetic);

}  // namespace anymetal::backend::cpu
