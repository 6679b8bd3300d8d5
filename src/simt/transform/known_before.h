// Values that a question needs earlier than the code has them.
#pragma once

#include <llvm/ADT/STLFunctionalExtras.h>
#include <llvm/IR/Instruction.h>

namespace anymetal::simt {

/// Whether the value is there at `place`, or can be computed there by instructions of the same
/// block that `may_move`. What is in other blocks is taken to be there.
[[nodiscard]] bool is_known_before(const llvm::Value* value, const llvm::Instruction& place,
                                   llvm::function_ref<bool(const llvm::Instruction&)> may_move);

/// Moves what computes a value that is known before `place` there.
void move_before(llvm::Value* value, llvm::Instruction& place);

}  // namespace anymetal::simt
