#include "runtime/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <mutex>

#include "backend/fork_guard.h"
#include "runtime/settings.h"

namespace anymetal::runtime {

namespace {

// A logger of our own: spdlog's default one belongs to the program that we are in. Never destroyed,
// as queue threads may log until the process ends.
spdlog::logger& logger() {
  static spdlog::logger* const instance = [] {
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    auto* made = new spdlog::logger("anymetal", std::move(sink));
    made->set_pattern("anymetal: %l: %v");
    made->set_level(spdlog::level::from_str(Settings::from_environment().log_level));
    return made;
  }();
  return *instance;
}

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return spdlog::level::trace;
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
    case LogLevel::off:
      break;
  }
  return spdlog::level::off;
}

struct Sink {
  std::mutex mutex;
  std::function<void(std::string_view)> function;
};
Sink& sink() {
  static Sink* const instance = new Sink;
  return *instance;
}

}  // namespace

void log(LogLevel level, std::string_view message) {
  logger().log(level_of(level), "{}", message);
}

bool log_enabled(LogLevel level) {
  return logger().should_log(level_of(level));
}

void report(std::string_view line) {
  std::function<void(std::string_view)> function;
  {
    const backend::ForkGuard guard;
    std::lock_guard lock(sink().mutex);
    function = sink().function;
  }
  if (function) return function(line);
  std::string text(line);
  text += '\n';
  std::fwrite(text.data(), 1, text.size(),
              stderr);  // one call: lines of several threads stay whole
}

void set_report_sink(std::function<void(std::string_view)> function) {
  const backend::ForkGuard guard;
  std::lock_guard lock(sink().mutex);
  sink().function = std::move(function);
}

}  // namespace anymetal::runtime
