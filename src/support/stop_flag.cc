#include "support/stop_flag.h"

namespace anymetal {

namespace {
thread_local const StopFlag* current = nullptr;
}

StoppableScope::StoppableScope(const StopFlag* flag) noexcept : before_(current) {
  current = flag;
}

StoppableScope::~StoppableScope() {
  current = before_;
}

const StopFlag* stop_flag_of_thread() noexcept {
  return current;
}

bool stop_requested() noexcept {
  return current && current->reason() != 0;
}

Error compilation_stopped() {
  return {ErrorKind::stopped, "the compilation was stopped", {}};
}

}  // namespace anymetal
