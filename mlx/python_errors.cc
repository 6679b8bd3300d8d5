// A stopped kernel's error goes through a stream's queue and comes out of whatever MLX function
// waits for it: eval, item, tolist, a conversion to NumPy. There mlx.core makes a RuntimeError of
// it with PyErr_SetString. Python has noted the signal by then, but would act on it only after the
// RuntimeError has ended the program. So mlx.core's slot for that one function is ours: for this
// error, Python first looks at its signals, and its handler's exception (KeyboardInterrupt) takes
// the place.
#include "mlx/python_errors.h"

#include <dlfcn.h>

#include <chrono>
#include <cstring>
#include <exception>
#include <utility>

#include "mlx/got.h"

namespace anymetal::mlx {
namespace {

using SetString = void (*)(void* type, const char* message);
using CheckSignals = int (*)();
using Occurred = void* (*)();
SetString set_string = nullptr;
CheckSignals check_signals = nullptr;
Occurred occurred = nullptr;

/// As the runtime words it (runtime/pipeline.cc).
constexpr const char* kStopped = "was stopped by an interrupt";

/// What a signal's handler raised while NumPy asked for a buffer: NumPy drops errors of that and
/// asks in another way at once, for which the signal is no longer there.
struct Dropped {
  void* type = nullptr;  ///< a class, which its module keeps
  std::chrono::steady_clock::time_point since;
};
thread_local Dropped dropped;
thread_local bool gives_buffer = false;

void set_error(void* type, const char* message) {
  constexpr std::chrono::milliseconds kAtOnce(100);
  if (message && std::strstr(message, kStopped)) {
    // Outside the main thread this does nothing, and the RuntimeError stands.
    if (check_signals() != 0) {
      if (gives_buffer) dropped = {occurred(), std::chrono::steady_clock::now()};
      return;
    }
    const Dropped before = std::exchange(dropped, {});
    if (before.type && std::chrono::steady_clock::now() - before.since < kAtOnce)
      type = before.type;
  }
  set_string(type, message);
}

using GetBuffer = int (*)(void* object, void* view, int flags);
GetBuffer get_buffer = nullptr;
void** runtime_error = nullptr;

int guarded_get_buffer(void* object, void* view, int flags) {
  int result = -1;
  gives_buffer = true;
  try {
    result = get_buffer(object, view, flags);
  } catch (const std::exception& error) {
    set_error(*runtime_error, error.what());
  }
  gives_buffer = false;
  return result;
}

}  // namespace

void guard_buffers(void** slot) {
  runtime_error = static_cast<void**>(dlsym(RTLD_DEFAULT, "PyExc_RuntimeError"));
  if (!runtime_error || !set_string || !*slot) return;
  if (*slot == reinterpret_cast<void*>(&guarded_get_buffer)) return;
  get_buffer = reinterpret_cast<GetBuffer>(*slot);
  *slot = reinterpret_cast<void*>(&guarded_get_buffer);
}

void raise_interrupts(const void* inside_core) {
  set_string = reinterpret_cast<SetString>(dlsym(RTLD_DEFAULT, "PyErr_SetString"));
  check_signals = reinterpret_cast<CheckSignals>(dlsym(RTLD_DEFAULT, "PyErr_CheckSignals"));
  occurred = reinterpret_cast<Occurred>(dlsym(RTLD_DEFAULT, "PyErr_Occurred"));
  if (!set_string || !check_signals || !occurred) return;
  const Redirection table[] = {{"PyErr_SetString", reinterpret_cast<void*>(&set_error)}};
  redirect_calls(table, inside_core, Scope::only_there);
}

}  // namespace anymetal::mlx
