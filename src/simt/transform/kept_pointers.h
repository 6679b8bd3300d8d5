// Pointers into buffers that a thread keeps in variables of its own: `device float* rows[4]`.
#pragma once

#include <llvm/IR/Function.h>
#include <llvm/IR/Instructions.h>

#include <vector>

namespace anymetal::simt {

/// Copies of structs to and from variables with such pointers (of one pointer, too, which are loads
/// and stores of a word) become loads and stores of their members: pointers are seen as such then.
void copy_by_members(llvm::Function& function);

/// A variable that pointers are stored in and loaded from.
struct KeptPointers {
  llvm::AllocaInst* variable;
  bool is_alone;                         ///< nothing else is written there that could be one
  std::vector<llvm::LoadInst*> loads;    ///< of pointers
  std::vector<llvm::StoreInst*> stores;  ///< of pointers
};

/// Those variables of which all addresses are known: those that getelementptr and select make.
[[nodiscard]] std::vector<KeptPointers> find_kept_pointers(llvm::Function& function);

/// The same place in another variable of the type. `address`: in `variable`, computed by
/// getelementptr and select alone, as find_kept_pointers asks for.
[[nodiscard]] llvm::Value* same_place(llvm::Value* address, llvm::AllocaInst& variable,
                                      llvm::AllocaInst& other);

}  // namespace anymetal::simt
