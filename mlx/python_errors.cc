// A stopped kernel's error goes through a stream's queue and comes out of whatever MLX function
// waits for it: eval, item, tolist, a conversion to NumPy. There mlx.core makes a RuntimeError of
// it with PyErr_SetString. Python has noted the signal by then, but would act on it only after the
// RuntimeError has ended the program. So mlx.core's slot for that one function is ours: for this
// error, Python first looks at its signals, and its handler's exception (KeyboardInterrupt) takes
// the place.
#include "mlx/python_errors.h"

#include <dlfcn.h>

#include <cstring>
#include <exception>

#include "mlx/got.h"

namespace anymetal::mlx {
namespace {

using SetString = void (*)(void* type, const char* message);
using CheckSignals = int (*)();
SetString set_string = nullptr;
CheckSignals check_signals = nullptr;

/// As the runtime words it (runtime/pipeline.cc).
constexpr const char* kStopped = "was stopped by an interrupt";

void set_error(void* type, const char* message) {
  // Outside the main thread this does nothing, and the RuntimeError stands.
  if (message && std::strstr(message, kStopped) && check_signals() != 0) return;
  set_string(type, message);
}

using GetBuffer = int (*)(void* object, void* view, int flags);
GetBuffer get_buffer = nullptr;
void** runtime_error = nullptr;

int guarded_get_buffer(void* object, void* view, int flags) {
  try {
    return get_buffer(object, view, flags);
  } catch (const std::exception& error) {
    set_error(*runtime_error, error.what());
    return -1;
  }
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
  if (!set_string || !check_signals) return;
  const Redirection table[] = {{"PyErr_SetString", reinterpret_cast<void*>(&set_error)}};
  redirect_calls(table, inside_core, Scope::only_there);
}

}  // namespace anymetal::mlx
