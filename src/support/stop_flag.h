// How work that takes long ends before its time: another thread raises a flag, and the work looks
// at it now and then. Compiled kernels get its address. Compilations go through callbacks of Clang
// and LLVM, which hand nothing of ours on, so there the thread knows its flag.
#pragma once

#include <atomic>
#include <cstdint>

#include "support/result.h"

namespace anymetal {

class StopFlag {
 public:
  /// 0: go on.
  void request(uint32_t reason) noexcept { reason_.store(reason, std::memory_order_relaxed); }
  [[nodiscard]] uint32_t reason() const noexcept { return reason_.load(std::memory_order_relaxed); }
  [[nodiscard]] const std::atomic<uint32_t>* address() const noexcept { return &reason_; }

 private:
  std::atomic<uint32_t> reason_{0};
};

/// While it lives, `flag` is what stop_requested() looks at on this thread. Null: nothing stops it.
class StoppableScope {
 public:
  explicit StoppableScope(const StopFlag* flag) noexcept;
  ~StoppableScope();
  StoppableScope(const StoppableScope&) = delete;
  StoppableScope& operator=(const StoppableScope&) = delete;

 private:
  const StopFlag* before_;
};

/// For a thread that does a part of this one's work.
[[nodiscard]] const StopFlag* stop_flag_of_thread() noexcept;

[[nodiscard]] bool stop_requested() noexcept;

/// What a compilation returns then; whoever raised the flag knows why, and says so.
[[nodiscard]] Error compilation_stopped();

}  // namespace anymetal
