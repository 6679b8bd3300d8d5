// Lines for people who look for a fault, and the two kinds of line that users ask for (trace,
// warnings about a kernel).
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace anymetal::runtime {

enum class LogLevel { trace, debug, info, warn, error, off };

/// To stderr, if ANYMETAL_LOG (default: warn) lets it through.
void log(LogLevel level, std::string_view message);
[[nodiscard]] bool log_enabled(LogLevel level);

/// A line that the user asked for, whatever the log level: to the sink, or stderr.
void report(std::string_view line);
/// Takes report's lines from now on (Python's stderr, a test). An empty function: stderr again.
void set_report_sink(std::function<void(std::string_view)> sink);

}  // namespace anymetal::runtime
