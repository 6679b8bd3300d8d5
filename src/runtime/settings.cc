#include "runtime/settings.h"

#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <initializer_list>
#include <string_view>

#include "backend/thread_pool.h"
#include "support/cache_folder.h"

namespace anymetal::runtime {

namespace {

using Lookup = std::function<const char*(const char*)>;

// Reads variables; the first value that means nothing becomes the error, and its default stays.
class Reader {
 public:
  Reader(const Lookup& get, std::optional<Error>& invalid) : get_(get), invalid_(invalid) {}

  std::string text(const char* variable, std::string fallback = {}) const {
    const char* value = get_(variable);
    return value && *value ? value : std::move(fallback);
  }
  void refuse(const char* variable, std::string_view value, std::string_view expected) {
    if (!invalid_)
      invalid_ = user_error(
          fmt::format("{}={} is not valid: set it to {}, or unset it", variable, value, expected));
  }
  std::string choice(const char* variable, std::initializer_list<std::string_view> choices) {
    std::string value = text(variable, std::string(*choices.begin()));
    std::string list;
    for (std::string_view one : choices) {
      if (value == one) return value;
      list += (list.empty() ? "" : ", ") + std::string(one);
    }
    refuse(variable, value, (choices.size() > 1 ? "one of " : "") + list);
    return std::string(*choices.begin());
  }
  bool flag(const char* variable) {
    std::string value = text(variable, "0");
    if (value == "1" || value == "true" || value == "on") return true;
    if (value != "0" && value != "false" && value != "off") refuse(variable, value, "1 or 0");
    return false;
  }

 private:
  const Lookup& get_;
  std::optional<Error>& invalid_;
};

std::optional<std::chrono::nanoseconds> read_timeout(Reader& in, const char* variable) {
  std::string value = in.text(variable);
  if (value.empty() || value == "0") return std::nullopt;
  char* end = nullptr;
  double seconds = std::strtod(value.c_str(), &end);
  if (*end != '\0' || !(seconds > 0) || seconds > 1e9) {
    in.refuse(variable, value, "a number of seconds such as 0.5 or 60 (0: no limit)");
    return std::nullopt;
  }
  return std::chrono::nanoseconds(static_cast<int64_t>(seconds * 1e9));
}

uint64_t read_size(Reader& in, const char* variable, std::string_view zero, uint64_t fallback) {
  std::string value = in.text(variable);
  if (value.empty()) return fallback;
  char* end = nullptr;
  double number = std::strtod(value.c_str(), &end);
  double unit = 1;
  switch (*end) {
    case 'K':
    case 'k':
      unit = 1024.0, ++end;
      break;
    case 'M':
    case 'm':
      unit = 1024.0 * 1024, ++end;
      break;
    case 'G':
    case 'g':
      unit = 1024.0 * 1024 * 1024, ++end;
      break;
    default:
      break;
  }
  if (end == value.c_str() || *end != '\0' || !(number >= 0) || number * unit > 1e18) {
    in.refuse(variable, value, fmt::format("bytes such as 512M or 2G (0: {})", zero));
    return fallback;
  }
  return static_cast<uint64_t>(number * unit);
}

/// Of variables that others read, who take what means nothing for the default.
void check_whole(Reader& in, const char* variable, uint64_t least, uint64_t most) {
  const std::string value = in.text(variable);
  if (value.empty()) return;
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error == std::errc() && *end == '\0' && number >= least && number <= most) return;
  in.refuse(variable, value, fmt::format("a whole number from {} to {}", least, most));
}

// Who asks for what only the reference executor does gets that executor, unless the other one was
// asked for by name. Each has checks of its own by default.
void read_executor(Reader& in, Settings& settings) {
  const std::string seed = in.text("ANYMETAL_SCHEDULE_SEED");
  check_whole(in, "ANYMETAL_SCHEDULE_SEED", 0, UINT64_MAX);
  const bool wants_reference = in.text("ANYMETAL_BOUNDS") == "error" || !seed.empty();
  settings.executor = in.choice("ANYMETAL_EXECUTOR", {"cpu", "reference"});
  if (wants_reference && in.text("ANYMETAL_EXECUTOR").empty()) settings.executor = "reference";
  const bool is_cpu = settings.executor == "cpu";
  const std::string bounds = is_cpu ? in.choice("ANYMETAL_BOUNDS", {"robust", "error", "off"})
                                    : in.choice("ANYMETAL_BOUNDS", {"error", "robust", "off"});
  settings.bounds = bounds == "robust" ? backend::Bounds::robust
                    : bounds == "off"  ? backend::Bounds::off
                                       : backend::Bounds::error;
  if (is_cpu && !seed.empty()) {
    in.refuse("ANYMETAL_SCHEDULE_SEED", seed, "a number with ANYMETAL_EXECUTOR=reference");
  }
}

}  // namespace

Settings Settings::from_environment(const Lookup& get) {
  const Lookup lookup =
      get ? get : [](const char* name) -> const char* { return std::getenv(name); };
  Settings settings;
  Reader in(lookup, settings.invalid);
  read_executor(in, settings);
  settings.timeout = read_timeout(in, "ANYMETAL_TIMEOUT");
  settings.compile_timeout = read_timeout(in, "ANYMETAL_COMPILE_TIMEOUT");
  settings.trace = in.flag("ANYMETAL_TRACE");
  static_cast<void>(in.flag("ANYMETAL_TUNED"));  // tuned.cc asks for it; here it is checked
  // Likewise, of others.
  static_cast<void>(in.choice("ANYMETAL_GATES", {"on", "off"}));
  static_cast<void>(in.choice("ANYMETAL_CPU", {"avx2", "sse4.2"}));
  static_cast<void>(in.choice("ANYMETAL_VERIFY", {"each"}));
  if (in.text("ANYMETAL_STREAM_BYTES") != "off")
    check_whole(in, "ANYMETAL_STREAM_BYTES", 0, UINT64_MAX);
  check_whole(in, "ANYMETAL_THREADS", 1, backend::kMostThreads);
  std::string warn = in.text("ANYMETAL_WARN");
  settings.warn_coverage = warn == "coverage";
  if (!warn.empty() && warn != "coverage") in.refuse("ANYMETAL_WARN", warn, "coverage");
  // Its second run uses numbers that the kernel never made, perhaps as indices.
  if (settings.warn_coverage && settings.bounds == backend::Bounds::off)
    in.refuse("ANYMETAL_WARN", warn, "coverage with ANYMETAL_BOUNDS=robust or error");
  settings.architecture = in.text("ANYMETAL_ARCHITECTURE", settings.architecture);
  settings.cache_directory = cache_folder([&](const char* name) { return in.text(name); });
  settings.cache_limit_bytes =
      read_size(in, "ANYMETAL_CACHE_SIZE", "no cache on disk", settings.cache_limit_bytes);
  std::string messages = in.choice("ANYMETAL_MESSAGES", {"on", "threads", "off"});
  settings.messages = messages == "off"       ? MessageOutput::off
                      : messages == "threads" ? MessageOutput::threads
                                              : MessageOutput::on;
  settings.message_bytes =
      read_size(in, "ANYMETAL_MESSAGES_SIZE", "no messages", settings.message_bytes);
  settings.log_level =
      in.choice("ANYMETAL_LOG", {"warn", "trace", "debug", "info", "error", "off"});
  return settings;
}

}  // namespace anymetal::runtime
