#include "backend/fork_guard.h"

#include <pthread.h>

namespace anymetal::backend {
namespace {

// Shared by those who compile; a fork takes it alone. Not std::shared_mutex: there, whoever comes
// to compile passes the waiting fork.
constexpr pthread_rwlock_t kFree = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
pthread_rwlock_t compilations = kFree;

// How many guards this thread has: one that asked anew while a fork waits for it would wait, too.
thread_local unsigned depth = 0;

void before_fork() {
  pthread_rwlock_wrlock(&compilations);
}

void after_fork_in_parent() {
  pthread_rwlock_unlock(&compilations);
}

// Not by unlocking: the C library knows a lock's writer by the number of its thread, and here that
// is another.
void after_fork_in_child() {
  compilations = kFree;
}

}  // namespace

ForkGuard::ForkGuard() {
  static const int registered =
      pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
  (void)registered;
  if (depth++ == 0) pthread_rwlock_rdlock(&compilations);
}

ForkGuard::~ForkGuard() {
  if (--depth == 0) pthread_rwlock_unlock(&compilations);
}

}  // namespace anymetal::backend
