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
  llvm::Value* object = nullptr;      ///< i32: index into KernelImage::objects
};

class PointerOrigins {
 public:
  PointerOrigins(ThreadFunction& thread, KernelImage& image);
  /// Inserts what it needs right behind the definitions that it depends on.
  Origin find(llvm::Value* pointer);
  /// Whether an access of `bytes` through `pointer` is inside, at every run: a constant offset into
  /// a variable.
  [[nodiscard]] bool is_inside(llvm::Value* pointer, uint64_t bytes, bool write) const;
  /// If the runtime looks for objects: tells it, at the top, of those that only this thread knows.
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
  llvm::Value* single_root(llvm::Value* pointer) const;
  void register_private_objects();

  ThreadFunction& thread_;
  KernelImage& image_;
  llvm::Instruction* top_;        ///< things that hold for the whole run are inserted before it
  llvm::Instruction* below_top_;  ///< and questions to the runtime before this
  std::map<llvm::Value*, Origin> known_;
  bool looks_up_ = false;
};

}  // namespace anymetal::backend
