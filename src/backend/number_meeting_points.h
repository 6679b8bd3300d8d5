// Gives each call at which threads meet (barriers, simdgroup and quadgroup builtins) a key, and
// turns it into a call of the runtime: am_meet(state, site), with the operands and the result in
// the thread's state.
//
// The key says how far a thread has come. It is a list: the position of the outermost loop around
// the call, how often this thread has come round that loop, the position in it of the next loop,
// ..., the position of the call. Positions are those in an order in which every block stands behind
// all that lead to it, back edges left aside. Of threads with different keys, the one with the
// smaller key is behind; if it goes first, it can still come to where the others wait. Equal keys:
// the same call in the same iterations, so the threads meet.
//
// A call on a way out of a loop, from where no path leads back into it, is behind the loop in this
// sense, wherever it stands in the text: threads that leave in different iterations meet there.
#pragma once

#include <llvm/IR/PassManager.h>

#include "backend/kernel_image.h"
#include "backend/thread_function.h"

namespace anymetal::backend {

/// Needs loops in LLVM's simplified form; adds no blocks. Fills in image.meetings and
/// image.key_length.
void number_meeting_points(ThreadFunction& thread, llvm::FunctionAnalysisManager& analyses,
                           KernelImage& image);

/// Whether threads meet at this call.
[[nodiscard]] bool is_meeting_point(const llvm::Instruction& instruction);

/// Whether there is anything to number.
[[nodiscard]] bool has_meeting_points(const llvm::Function& function);

}  // namespace anymetal::backend
