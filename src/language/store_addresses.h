#pragma once

#include <llvm/IR/Module.h>

namespace anymetal::language {

/// `threadgroup int* rows[2] = {a, b};` is a copy of a constant to Clang, which knows all of it. No
/// place in threadgroup memory is known before a threadgroup runs: functions get a variable in such
/// a constant's place, and store there what it holds.
void store_addresses(llvm::Module& module);

}  // namespace anymetal::language
