// The dispatches and compilations that run now, so that Ctrl-C, ANYMETAL_TIMEOUT and
// ANYMETAL_COMPILE_TIMEOUT can stop them. A fixed table of flags in static memory: a signal handler
// may touch it at any moment, and nothing in it is ever freed.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "support/result.h"
#include "support/stop_flag.h"

namespace anymetal::runtime {

/// Why a flag was raised; the numbers that StopFlag::reason gives.
enum class StopReason : uint32_t { none = 0, interrupt = 1, timeout = 2 };

/// A place in the table, for as long as the work goes on.
class RunningWork {
 public:
  explicit RunningWork(std::optional<std::chrono::nanoseconds> timeout);
  ~RunningWork();
  RunningWork(const RunningWork&) = delete;
  RunningWork& operator=(const RunningWork&) = delete;

  [[nodiscard]] const StopFlag* flag() const;
  [[nodiscard]] StopReason reason() const;

 protected:
  void set_deadline(std::optional<std::chrono::nanoseconds> timeout);

 private:
  uint32_t slot_;
};

/// What running_dispatches() counts.
class RunningDispatch : public RunningWork {
 public:
  explicit RunningDispatch(std::optional<std::chrono::nanoseconds> timeout);
  ~RunningDispatch();

  /// Time doesn't count from here on; and then it does from its beginning.
  void pause();
  void begin_again();

 private:
  std::optional<std::chrono::nanoseconds> timeout_;
};

/// Work that compiles `what` ("kernel `f`", the name of a text). While it lives, the compilers ask
/// whether to stop.
class RunningCompilation : public RunningWork {
 public:
  RunningCompilation(std::string what, std::optional<std::chrono::nanoseconds> timeout);

  /// `error`, with the reason if it is that the compilation was stopped.
  [[nodiscard]] Error describe(Error error) const;

 private:
  std::string what_;
  std::optional<std::chrono::nanoseconds> timeout_;
  StoppableScope scope_;
};

}  // namespace anymetal::runtime
