// The dispatches that run now, so that Ctrl-C and ANYMETAL_TIMEOUT can stop them. A fixed table of
// flags in static memory: a signal handler may touch it at any moment, and nothing in it is ever
// freed.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "backend/backend.h"

namespace anymetal::runtime {

/// Why a flag was raised; the numbers that StopFlag::reason gives.
enum class StopReason : uint32_t { none = 0, interrupt = 1, timeout = 2 };

/// A place in the table, for as long as the dispatch runs.
class RunningDispatch {
 public:
  explicit RunningDispatch(std::optional<std::chrono::nanoseconds> timeout);
  ~RunningDispatch();
  RunningDispatch(const RunningDispatch&) = delete;
  RunningDispatch& operator=(const RunningDispatch&) = delete;

  [[nodiscard]] const backend::StopFlag* flag() const;
  [[nodiscard]] StopReason reason() const;

 private:
  uint32_t slot_;
};

}  // namespace anymetal::runtime
