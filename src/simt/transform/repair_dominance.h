// Laying blocks out in a line makes ways through the code that pass a value's use and not its
// definition. No lane goes such a way; what it finds there is zero.
#pragma once

#include <llvm/IR/Function.h>

namespace anymetal::simt {

void repair_dominance(llvm::Function& function);

}  // namespace anymetal::simt
