// What stands before `break` and `return` in a loop is done in its turn, as it stands in the text.
//
// Why: to LLVM a loop is what leads back to its head, and the arm of `if (take(lock)) { ...;
// give(lock); break; }` doesn't. Threads that leave a loop one by one would wait for each other in
// front of it: the lock is never given back, and whoever else meets there meets too many.
#pragma once

#include <llvm/IR/Function.h>
#include <llvm/IR/Module.h>

namespace anymetal::backend {

/// Leads such arms to what comes next in the text, and on from there to the end of each turn, with
/// a block at the end that parts who leaves from who goes on: those that others see (simdgroup
/// functions, atomics, volatile accesses, and where a loop has any of these, other memory too).
/// Needs the module as Clang has made it, its blocks in the order of the text and with their names.
/// Loops that a switch jumps into stay as they are.
void finish_turns(llvm::Module& module);

}  // namespace anymetal::backend
