#include "language/big_stack.h"

#include <clang/Basic/Stack.h>
#include <pthread.h>

#include "support/stop_flag.h"

namespace anymetal::language {
namespace {

// Virtual memory: only the pages that are touched exist.
constexpr size_t kStackBytes = size_t{512} << 20;

thread_local bool on_big_stack = false;

struct Start {
  const std::function<void()>& work;
  const StopFlag* stop;
};

void* start(void* argument) {
  const auto& [work, stop] = *static_cast<const Start*>(argument);
  on_big_stack = true;
  clang::noteBottomOfStack();
  const StoppableScope stoppable(stop);
  work();
  return nullptr;
}

}  // namespace

void run_on_big_stack(const std::function<void()>& work) {
  if (on_big_stack) return work();
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  pthread_t thread;
  Start argument{work, stop_flag_of_thread()};
  const int failed = pthread_create(&thread, &attributes, start, &argument);
  pthread_attr_destroy(&attributes);
  // Without such a stack (a small limit on memory) the caller's own has to do.
  if (failed != 0) return work();
  pthread_join(thread, nullptr);
}

}  // namespace anymetal::language
