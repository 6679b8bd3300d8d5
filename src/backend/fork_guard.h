// A fork copies one thread and all locks. If another thread compiles at that moment, the child has
// Clang's, LLVM's and our locks as that thread held them, for ever. So a fork waits until nobody
// compiles, links or frees code, and nobody begins meanwhile.
#pragma once

namespace anymetal::backend {

/// Held while a library or a pipeline is looked for or made, and while code is linked or freed. May
/// be nested; a thread that holds it must not fork.
class ForkGuard {
 public:
  ForkGuard();
  ~ForkGuard();
  ForkGuard(const ForkGuard&) = delete;
  ForkGuard& operator=(const ForkGuard&) = delete;
};

}  // namespace anymetal::backend
