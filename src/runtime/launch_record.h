// What is told about a launch: a line of ANYMETAL_TRACE, an entry of a capture.
#pragma once

#include <chrono>
#include <string>

#include "runtime/runtime.h"

namespace anymetal::runtime {

struct LaunchRecord {
  const Pipeline& pipeline;
  const Launch& launch;
  const Settings& settings;
  std::chrono::nanoseconds duration;
  const Error* error;  ///< null: it went well
};

/// "anymetal: myexp_float    grid (16384, 1, 1)  threadgroup (256, 1, 1)   0.123 ms"
[[nodiscard]] std::string trace_line(const LaunchRecord& record);
void trace(const LaunchRecord& record);

/// Adds the launch to the capture that runs, if one does.
void capture(const LaunchRecord& record);

}  // namespace anymetal::runtime
