// The contract of the house: the code of ONE thread of one kernel, as LLVM IR. docs/design/ir.md
// has the rules that every such module keeps; the language room writes them, every back end may
// rely on them.
#pragma once

#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>

#include <memory>
#include <string>

#include "ir/kernel_interface.h"

namespace anymetal {

/// Address spaces in the IR.
inline constexpr unsigned kThreadSpace =
    0;  ///< the thread's own memory, and pointers of unknown space
inline constexpr unsigned kDeviceSpace = 1;
inline constexpr unsigned kThreadgroupSpace = 3;
inline constexpr unsigned kConstantSpace = 5;  ///< `constant` buffers and program-scope tables

struct ThreadIr {
  std::unique_ptr<llvm::LLVMContext> context;  // declared first: outlives the module
  std::unique_ptr<llvm::Module> module;
  std::string entry;  ///< name of the entry function in the module
  KernelInterface interface;
  MathMode math_mode = MathMode::safe;
};

}  // namespace anymetal
