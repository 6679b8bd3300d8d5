#pragma once

#include <llvm/IR/Function.h>

namespace anymetal::backend::cpu {

/// Replaces llvm.ldexp, which the math functions use for factors of 2^n with n within [-250, 250].
/// `has_scalef`: the machine has AVX-512's instruction for 16 floats.
void lower_powers(llvm::Function& function, bool has_scalef);

}  // namespace anymetal::backend::cpu
