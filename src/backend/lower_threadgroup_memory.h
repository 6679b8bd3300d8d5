// Threadgroup variables (declarations @am.threadgroup.NAME, rule 3) become offsets into the
// threadgroup's arena, whose address the thread's state holds.
#pragma once

#include "backend/thread_function.h"

namespace anymetal::backend {

/// Returns the bytes that all of them take, each aligned to 16 or to its own alignment.
[[nodiscard]] uint32_t lower_threadgroup_memory(ThreadFunction& thread);

}  // namespace anymetal::backend
