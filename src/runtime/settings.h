// What the environment decides, read once. Tests and tools fill in their own.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "backend/backend.h"
#include "support/private_api.h"
#include "support/result.h"

namespace anymetal::runtime {

/// Where what kernels write (os_log, printf) goes: nowhere, to the report, or there with the
/// thread.
enum class MessageOutput : uint8_t { off, on, threads };

struct Settings {
  std::string executor = "cpu";                      ///< ANYMETAL_EXECUTOR=cpu|reference
  backend::Bounds bounds = backend::Bounds::robust;  ///< ANYMETAL_BOUNDS=robust|error|off
  std::optional<std::chrono::nanoseconds>
      timeout;  ///< ANYMETAL_TIMEOUT, in seconds, for each dispatch
  std::optional<std::chrono::nanoseconds>
      compile_timeout;  ///< ANYMETAL_COMPILE_TIMEOUT, in seconds, for each text and each kernel
  bool trace = false;   ///< ANYMETAL_TRACE=1
  bool warn_coverage = false;                  ///< ANYMETAL_WARN=coverage
  std::string architecture = "applegpu_g13s";  ///< ANYMETAL_ARCHITECTURE
  std::string cache_directory;  ///< ANYMETAL_CACHE_DIR, else XDG's; empty: no disk cache
  uint64_t cache_limit_bytes =
      uint64_t{1} << 30;  ///< ANYMETAL_CACHE_SIZE: bytes, or with K, M, G; 0: no disk cache
  MessageOutput messages = MessageOutput::on;  ///< ANYMETAL_MESSAGES=on|threads|off
  uint64_t message_bytes = uint64_t{8} << 20;  ///< ANYMETAL_MESSAGES_SIZE, for each dispatch
  std::string log_level = "warn";              ///< ANYMETAL_LOG=trace|debug|info|warn|error|off
  /// A value of the environment that means nothing; every library and pipeline gives it as its
  /// error.
  std::optional<Error> invalid;

  /// `get` gives a variable's value or null; without it, the process's own environment.
  [[nodiscard]] ANYMETAL_PRIVATE_API static Settings from_environment(
      const std::function<const char*(const char*)>& get = {});
};

}  // namespace anymetal::runtime
