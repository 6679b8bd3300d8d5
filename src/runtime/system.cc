// Puts the real rooms below into the device of this process.
#include "runtime/runtime.h"

namespace anymetal::runtime {

Engine Engine::system(const Settings& settings) {
  Engine engine;
  engine.parse = language::parse;
  engine.language_version = language::language_version();
  engine.backend =
      &backend::reference_backend();  // the only executor so far; Settings refuses other names
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
