// The calls that say which accesses may happen; transform/guard_accesses.cc makes them.
#pragma once

#include <llvm/IR/Value.h>

namespace anymetal::simt {

/// `i1 simt.inside(i64 offset, i64 limit)`: offset < limit, unsigned.
inline constexpr const char* kInside = "simt.inside";
/// `ptr simt.guarded(ptr, i1)`: the pointer, for one access, which happens only where the bool
/// holds.
inline constexpr const char* kGuarded = "simt.guarded";
/// `i64 simt.argument_bytes(i32)`: of the entry's parameter with that number.
inline constexpr const char* kArgumentBytes = "simt.argument_bytes";

/// The pointer behind simt.guarded, and when it may be used (null: always).
struct GuardedPointer {
  const llvm::Value* pointer;
  const llvm::Value* inside;
};
[[nodiscard]] GuardedPointer strip_guard(const llvm::Value* pointer);

}  // namespace anymetal::simt
