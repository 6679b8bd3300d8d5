// For each pointer in a function: the object that it points into, as values in the IR. Used by
// instrument_bounds.
#pragma once

#include <llvm/IR/Instructions.h>

#include <map>
#include <vector>

#include "backend/kernel_image.h"
#include "backend/thread_function.h"

namespace anymetal::backend {

/// An object at run time. Sizes are one too large, so that an access of n bytes at an offset is
/// inside exactly if `offset < size - n`, computed without wrapping below zero, whatever n is.
struct Origin {
  llvm::Value* base = nullptr;        ///< i64
  llvm::Value* read_size = nullptr;   ///< i64: bytes + 1
  llvm::Value* write_size = nullptr;  ///< i64: bytes + 1, or 1 if the object mustn't be written to
  llvm::Value* object = nullptr;      ///< i32: index into KernelImage::objects, perhaps kGuessed
  /// Whether `object` may have kGuessed at run time: then an access that isn't inside is looked up.
  bool may_be_guessed = false;
};

class PointerOrigins {
 public:
  PointerOrigins(ThreadFunction& thread, KernelImage& image);
  /// Inserts what it needs right behind the definitions that it depends on.
  Origin find(llvm::Value* pointer);
  /// Whether an access of `bytes` through `pointer` is inside, at every run: a constant offset into
  /// a variable.
  [[nodiscard]] bool is_inside(llvm::Value* pointer, uint64_t bytes, bool write) const;
  /// Keeps the origins of pointers that are stored in variables, beside them. If the runtime looks
  /// for objects: tells it, at the top, of those that only this thread knows.
  void finish();

 private:
  Origin of_root(llvm::Value* root);
  Origin of_argument(size_t index);
  Origin of_variable(llvm::AllocaInst* variable);
  Origin of_global(llvm::GlobalVariable* global);
  Origin of_phi(llvm::PHINode* phi);
  Origin of_select(llvm::SelectInst* select);
  Origin of_unknown(llvm::Value* pointer);
  Origin fixed(llvm::Value* base, uint64_t size, bool is_const, ObjectInfo object);
  Origin nowhere();

  /// A variable that pointers are stored in, and where their origins are kept.
  struct Keeper {
    std::vector<llvm::StoreInst*> stores;
    uint64_t entries = 0;
    llvm::AllocaInst* table = nullptr;  ///< of KeptPointer, made once a load asks for it
  };
  /// Where a load or store of a pointer goes, before a check has changed it.
  struct Place {
    llvm::AllocaInst* variable;
    llvm::Value* pointer;
  };
  void find_keepers();
  llvm::Value* entry_of(llvm::IRBuilderBase& builder, const Place& place);
  llvm::Value* kept_for(llvm::IRBuilderBase& builder, llvm::Value* pointer);
  void keep(llvm::StoreInst* store);
  [[nodiscard]] bool is_from_outside(llvm::Value* pointer) const;

  /// What all ways through phis and selects lead to.
  struct Roots {
    llvm::Value* single = nullptr;  ///< if there is one, known at the top: no phis are needed
    bool may_be_lost = false;
  };
  [[nodiscard]] Roots find_roots(llvm::Value* pointer) const;
  [[nodiscard]] llvm::AllocaInst* find_variable(llvm::Value* pointer) const;
  [[nodiscard]] bool is_known_at_top(llvm::Value* root) const;
  void register_private_objects();

  ThreadFunction& thread_;
  KernelImage& image_;
  std::vector<llvm::AllocaInst*> variables_;  ///< the user's
  std::map<llvm::AllocaInst*, Keeper> keepers_;
  std::map<llvm::Instruction*, Place> places_;
  std::vector<llvm::StoreInst*> to_keep_;
  bool pointers_leave_ = false;   ///< the kernel may write pointers to memory that others see
  llvm::Instruction* top_;        ///< things that hold for the whole run are inserted before it
  llvm::Instruction* below_top_;  ///< and questions to the runtime before this
  std::map<llvm::Value*, Origin> known_;
  bool looks_up_ = false;
};

}  // namespace anymetal::backend
