// Puts the real rooms below into the device of this process.
#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cstring>

#include "runtime/runtime.h"

namespace anymetal::runtime {

namespace {

// The program or library that holds this code, as a file: another build is another language,
// whether or not somebody thought of raising a version number. A stale cache entry would be a wrong
// result without a trace.
std::string this_build() {
  Dl_info info;
  struct stat status;
  if (::dladdr(reinterpret_cast<const void*>(&this_build), &info) == 0 || !info.dli_fname)
    return "unknown build";
  // For a program (a test) the name is what it was called by, which need not be a path.
  const char* file = std::strchr(info.dli_fname, '/') ? info.dli_fname : "/proc/self/exe";
  if (::stat(file, &status) != 0) return "unknown build";
  return fmt::format("build {}.{}.{:09}", status.st_size, status.st_mtim.tv_sec,
                     status.st_mtim.tv_nsec);
}

}  // namespace

Engine Engine::system(const Settings& settings) {
  Engine engine;
  engine.parse = language::parse;
  engine.language_version = fmt::format("{}, {}", language::language_version(), this_build());
  engine.backend = backend::find_backend(settings.executor);  // Settings refuses other names
  return engine;
}

Device& Device::system() {
  // Never destroyed: queue threads and clients may use it until the process ends.
  static Device* const device = [] {
    Settings settings = Settings::from_environment();
    Engine engine = Engine::system(settings);
    return Device::create(std::move(settings), std::move(engine)).release();
  }();
  return *device;
}

}  // namespace anymetal::runtime
