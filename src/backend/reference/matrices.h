// The product of simdgroup matrices: a meeting at which each lane brings two neighbours of a row of
// each of three 8x8 matrices.
#pragma once

#include <cstdint>

#include "backend/thread_state.h"

namespace anymetal::backend::reference {

/// Operands 0, 1, 2 of each active lane hold its two floats of a, b, c; its result becomes those of
/// a b + c. What an inactive lane would hold counts as 0.
void multiply_matrices(ThreadState* lanes, uint32_t count, uint32_t active);

}  // namespace anymetal::backend::reference
