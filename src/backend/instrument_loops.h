// Each time round a loop that isn't short (short_loops.h), a thread looks whether the dispatch is
// to end: because somebody asked for it, or because another thread has failed. If so it calls
// am_stopped(state), which doesn't return.
#pragma once

#include <llvm/IR/PassManager.h>

#include "backend/thread_function.h"

namespace anymetal::backend {

/// Needs a reducible graph. Whether there were loops.
bool instrument_loops(ThreadFunction& thread, llvm::FunctionAnalysisManager& analyses);

}  // namespace anymetal::backend
