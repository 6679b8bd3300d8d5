// How often a loop turns, where that is plain from the text: `for (int i = 0; i < 8; i += 2)`.
#pragma once

#include <llvm/Analysis/LoopInfo.h>

#include <optional>

namespace anymetal::backend {

/// At most so many turns, whatever happens inside; none if that isn't known or more than `limit`.
[[nodiscard]] std::optional<unsigned> most_turns(const llvm::Loop& loop, unsigned limit);

}  // namespace anymetal::backend
