// Neighbouring threadgroups as one wide one. A threadgroup of 32 threads along x that goes through
// rows reads 128 bytes of each, and no machine fetches memory well by pieces of that size. Its
// neighbours read what stands beside, or mostly the same: side by side in one step, they read the
// rows in pieces that are as much longer, or each row once while it is near.
#pragma once

#include <llvm/IR/Function.h>

#include "simt/analysis/geometry.h"

namespace anymetal::simt {

/// `i32`: which of the threadgroups that run together a thread belongs to.
inline constexpr const char* kThreadgroupTogether = "am.threadgroup_position_together";

/// How threadgroups of a kernel should run.
struct Togetherness {
  unsigned count = 1;  ///< up to so many in one call; 1: each alone
  /// That of a threadgroup as rows, one threadgroup's beside the next one's: its own size, or rows
  /// of a simdgroup where it has one dimension.
  uint32_t size[3] = {1, 1, 1};
};

/// The function isn't changed. `geometry`: of one threadgroup.
[[nodiscard]] Togetherness choose_threadgroups_together(llvm::Function& entry,
                                                        const Geometry& geometry);

/// Makes each thread know its own threadgroup: its positions, and its part of threadgroup memory.
/// Only for what the choice above is for. `geometry`: of all that run together.
void join_threadgroups(llvm::Function& entry, const Geometry& geometry);

}  // namespace anymetal::simt
