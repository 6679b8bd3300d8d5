// The calls that say which accesses may happen, which transform/guard_accesses.cc makes, and
// whether all lanes are there (transform/separate_full_turns.cc).
#pragma once

#include <llvm/IR/IRBuilder.h>

namespace anymetal::simt {

/// `i1 simt.inside(i64 offset, i64 limit)`: offset < limit, unsigned.
inline constexpr const char* kInside = "simt.inside";
/// `ptr simt.guarded(ptr, i1)`: the pointer, for one access, which happens only where the bool
/// holds.
inline constexpr const char* kGuarded = "simt.guarded";
/// `i64 simt.argument_bytes(i32)`: of the entry's parameter with that number.
inline constexpr const char* kArgumentBytes = "simt.argument_bytes";

/// `i64 simt.memory_base(i64 address)` and `i64 simt.memory_bytes(i64 address)`: where the memory
/// that a loaded pointer points into begins and how large it is; 0 if it points into none. The
/// executor gives them.
inline constexpr const char* kMemoryBase = "simt.memory_base";
inline constexpr const char* kMemoryBytes = "simt.memory_bytes";

/// `i1 simt.all_lanes(i1)`: whether all lanes of the step are here and the bool holds for each. May
/// be false though it does. The same in the whole step.
inline constexpr const char* kAllLanes = "simt.all_lanes";
llvm::CallInst* ask_all_lanes(llvm::IRBuilder<>& builder, llvm::Value* condition);

/// `void simt.ends_step(i1)`: if the bool holds, all lanes of the step have returned, and no
/// barrier waits for it (transform/split_regions.cc).
inline constexpr const char* kEndsStep = "simt.ends_step";

/// `void simt.assumes_whole()`: stands where divisions are asked whether they are whole; behind it
/// they are (find_divisions). Without one, nothing is assumed.
inline constexpr const char* kAssumesWhole = "simt.assumes_whole";

/// Metadata of accesses that are inside whatever their indices are: guarded already.
inline constexpr const char* kKeptInside = "simt.kept_inside";

/// Metadata of accesses that no order between steps concerns: atomic ones.
inline constexpr const char* kRelaxed = "simt.relaxed";

/// The pointer behind simt.guarded, and when it may be used (null: always).
struct GuardedPointer {
  const llvm::Value* pointer;
  const llvm::Value* inside;
};
[[nodiscard]] GuardedPointer strip_guard(const llvm::Value* pointer);

}  // namespace anymetal::simt
