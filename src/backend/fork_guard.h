// A fork copies one thread and all locks. If another thread compiles at that moment, the child has
// Clang's, LLVM's and our locks as that thread held them, for ever. So a fork waits until nobody is
// compiling, and nobody begins meanwhile.
#pragma once

namespace anymetal::backend {

/// Held while a library or a pipeline is looked for or made. Not to be nested.
class ForkGuard {
 public:
  ForkGuard();
  ~ForkGuard();
  ForkGuard(const ForkGuard&) = delete;
  ForkGuard& operator=(const ForkGuard&) = delete;
};

}  // namespace anymetal::backend
