// The lanes of a simdgroup run in lockstep on Apple's GPUs, and there are kernels that rely on it:
// a lane reads from threadgroup memory what another lane of its simdgroup has just written, with
// nothing in between. So a meeting of the active lanes is put wherever a load from threadgroup
// memory can follow a store, or a store a load, without a meeting between them. Kernels with the
// barriers that Metal asks for get none, and none stand in loops that take locks: who holds one
// would wait there for those who wait for it. Under a schedule seed these points are passed without
// waiting, for Metal doesn't promise them.
#pragma once

#include <llvm/IR/Function.h>

namespace anymetal::backend {

/// The operand of am.simdgroup_barrier that marks such a point.
inline constexpr unsigned kLockstepFlag = 0x80000000u;

void insert_lockstep_points(llvm::Function& entry);

}  // namespace anymetal::backend
