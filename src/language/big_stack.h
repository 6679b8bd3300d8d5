// Clang recurses with the nesting of its input. Text comes from anywhere, so the work runs on a
// thread whose stack is larger than any text within our limits can fill (limits.h), and a deep text
// can't end the process.
#pragma once

#include <functional>

namespace anymetal::language {

/// Runs `work` on a thread of its own with a large stack, and waits for it. What stops the caller's
/// thread (support/stop_flag.h) stops that one.
void run_on_big_stack(const std::function<void()>& work);

}  // namespace anymetal::language
