// What vector code asks about pointers that it loaded: the memory that they point into. A buffer of
// pointers (an argument buffer) says nothing of sizes; the dispatch knows them.
#pragma once

#include "backend/backend.h"
#include "backend/object_linker.h"

namespace anymetal::backend::cpu {

/// Makes the memory of a dispatch known to the code that this thread of the operating system runs,
/// while it lives.
class ReachedMemory {
 public:
  explicit ReachedMemory(const Dispatch& dispatch);
  ~ReachedMemory();
  ReachedMemory(const ReachedMemory&) = delete;
  ReachedMemory& operator=(const ReachedMemory&) = delete;

 private:
  const Dispatch* outer_;
};

/// simt.memory_base and simt.memory_bytes.
void add_memory_functions(RuntimeSymbols& symbols);

}  // namespace anymetal::backend::cpu
