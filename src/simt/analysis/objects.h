// What a pointer of one thread's code was computed from.
#pragma once

#include <llvm/ADT/SetVector.h>
#include <llvm/ADT/SmallVector.h>
#include <llvm/IR/Operator.h>

#include <cstdint>
#include <optional>

namespace anymetal::simt {

/// The way from a root to the pointer, as far as it is known: a root is an object, a phi or a
/// select of pointers, or where a pointer comes from that nothing is known of.
struct Path {
  llvm::Value* root;
  llvm::SmallVector<llvm::GEPOperator*, 4> steps;  ///< the last one first
};
[[nodiscard]] Path find_path(llvm::Value* pointer);

/// The greatest number of bytes from the root, if what the indices are made of limits them: as of
/// `x % 3`, which LLVM's analysis of loops takes apart.
[[nodiscard]] std::optional<uint64_t> greatest_offset(const Path& path,
                                                      const llvm::DataLayout& layout);

/// The roots behind phis and selects, in the order in which they are met.
using Objects = llvm::SmallSetVector<llvm::Value*, 4>;
[[nodiscard]] Objects find_objects(llvm::Value* root);

}  // namespace anymetal::simt
