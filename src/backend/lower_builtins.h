// Positions become loads from the thread's state, fences become instructions. Math and integer
// builtins stay calls: the linker resolves am.exp.f32 to the host's function. Barriers, simdgroup
// and quadgroup builtins have been taken by number_meeting_points before. Messages become calls of
// the runtime with the index of their format.
#pragma once

#include "backend/kernel_image.h"
#include "backend/thread_function.h"
#include "support/result.h"

namespace anymetal::backend {

/// Fills in image.messages. A user error: a message whose format isn't a literal. An internal error
/// names a builtin that isn't in the table or has no lowering here.
[[nodiscard]] Result<void> lower_builtins(ThreadFunction& thread, KernelImage& image);

/// Whether lower_builtins itself, without the linker, has a lowering for this row's name.
[[nodiscard]] bool lowers_to_instructions(std::string_view builtin_name);

}  // namespace anymetal::backend
