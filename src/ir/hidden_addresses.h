// Pointers of which LLVM isn't to know where they lead: it takes what is outside of a variable for
// impossible, and whoever checks accesses comes later.
#pragma once

#include <llvm/IR/Instructions.h>
#include <llvm/IR/Module.h>

#include <cstdint>

namespace anymetal {

/// The pointer as one of which nothing is known. `bytes`: of an access, if those of other sizes are
/// to be kept apart from it.
llvm::CallInst* hide_address(llvm::Value& pointer, llvm::Instruction* before, uint64_t bytes = 0);

/// Takes that back for this call.
void show_address(llvm::CallInst& hidden);

/// And for all of the module; `of_sizes`: only where bytes were given.
void show_addresses(llvm::Module& module, bool of_sizes = false);

}  // namespace anymetal
