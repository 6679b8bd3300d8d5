// Where threads stand, as far as it is known when the code is made for a threadgroup's size: sizes
// become constants, positions say how large they can be.
#pragma once

#include <llvm/IR/Function.h>

#include "backend/cpu/variant.h"

namespace anymetal::backend::cpu {

/// Before simt::vectorize, on the code of one thread. These calls remain, for it to make code of:
/// thread_position_in_threadgroup, thread_index_in_threadgroup, the indices in and of simdgroups
/// and quadgroups, threadgroup_position_in_grid, threads_per_grid, threadgroups_per_grid; and in a
/// partial variant threads_per_threadgroup of the axis that is cut.
void fix_positions(llvm::Function& entry, const Variant& variant);

}  // namespace anymetal::backend::cpu
