// Stores that go past the caches. A store to memory that isn't in the cache reads its line first;
// where a dispatch writes more than the last cache holds, that is a third of a copy's traffic for
// nothing, and what is written has left the cache before anyone asks for it. For such dispatches
// there is a variant of the code whose stores of whole lines don't read them ("non-temporal"
// stores). Only whole lines, since parts of one would wait for the others in one of the few buffers
// that a processor has; only buffers of which the kernel reads nothing, since whoever reads soon
// wants them in the cache.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/backend.h"

namespace llvm {
class Function;
}

namespace anymetal::backend::cpu {

/// The entry's buffers to which the code of one thread stores, and from which it doesn't load.
[[nodiscard]] std::vector<uint32_t> find_written(const llvm::Function& entry);

/// Of `written`, those that the code of a threadgroup stores whole lines to; empty where the
/// machine has no such stores of a line.
[[nodiscard]] std::vector<uint32_t> find_streamed(const llvm::Function& threadgroup,
                                                  std::span<const uint32_t> written);

/// Makes stores of whole lines to these go past the caches where they begin at a line.
void stream_stores(llvm::Function& threadgroup, std::span<const uint32_t> streamed);

/// Whether a dispatch writes so much to these that it pays: more than a quarter of the last cache,
/// or than ANYMETAL_STREAM_BYTES says.
[[nodiscard]] bool is_worth_streaming(std::span<const uint32_t> streamed,
                                      std::span<const Argument> arguments);

/// Waits until what this thread stored past the caches can be seen by others.
void finish_streamed_stores();

}  // namespace anymetal::backend::cpu
