// Pointers of which LLVM isn't to know where they lead: it takes what is outside of a variable for
// impossible, and whoever checks accesses comes later.
#pragma once

#include <llvm/IR/Instructions.h>
#include <llvm/IR/Module.h>

namespace anymetal {

/// The pointer as one of which nothing is known.
llvm::CallInst* hide_address(llvm::Value& pointer, llvm::Instruction* before);

/// Takes that back for this call.
void show_address(llvm::CallInst& hidden);

/// And for all of the module.
void show_addresses(llvm::Module& module);

}  // namespace anymetal
