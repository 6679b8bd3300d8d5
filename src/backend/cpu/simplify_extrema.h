// The greater and the less of two floats, where one of them is never a NaN.
#pragma once

#include <llvm/IR/Function.h>

namespace anymetal::backend::cpu {

/// Makes comparisons and selects of maxnum and minnum, where one operand is provably no NaN: one
/// instruction on x86, where the functions take three. The last such pass: LLVM's simplifications
/// don't know what was proved.
void simplify_extrema(llvm::Function& function);

}  // namespace anymetal::backend::cpu
