// From the contract's entry (one pointer parameter per argument, calls to internal functions) to
// the function that the other passes work on: `void am_thread(ptr state)`, without calls to
// internal functions, its arguments loaded from the thread's state.
#pragma once

#include <llvm/IR/Function.h>
#include <llvm/IR/IRBuilder.h>

#include <functional>
#include <vector>

#include "ir/thread_ir.h"
#include "support/result.h"

namespace anymetal::backend {

/// Name of the compiled function.
inline constexpr const char* kThreadFunctionName = "am_thread";

struct ThreadFunction {
  llvm::Function* function = nullptr;
  std::vector<llvm::Value*> data;  ///< of each argument: its pointer, loaded at the top
  std::vector<llvm::Value*> size;  ///< of each argument: its bytes, loaded at the top

  [[nodiscard]] llvm::Value* state() const { return function->getArg(0); }
  [[nodiscard]] llvm::Module& module() const { return *function->getParent(); }
};

/// Inlines everything that the entry reaches into it (rule 6 allows that). From the bottom up:
/// `tidy` gets each function but the entry once all that it calls is in it, before it is put into
/// others.
[[nodiscard]] Result<void> inline_calls(llvm::Function& entry,
                                        const std::function<void(llvm::Function&)>& tidy = {});

/// Takes all functions that have code but `kept` out of the module: inlined, they have served.
void drop_other_functions(llvm::Function& kept);

/// Replaces the entry by am_thread. `entry` is gone afterwards.
[[nodiscard]] ThreadFunction make_thread_function(llvm::Function& entry);

/// The address of a member of ThreadState or of a state that lies behind `base`.
[[nodiscard]] llvm::Value* member(llvm::IRBuilderBase& builder, llvm::Value* base, size_t offset);

/// The interface's parameters that are parameters of the entry, in order.
[[nodiscard]] std::vector<const Parameter*> entry_parameters(const KernelInterface& interface);

}  // namespace anymetal::backend
