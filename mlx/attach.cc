// How this library comes into a process, in three ways with one result:
//   * LD_PRELOAD, or linked before libmlx.so: the dynamic linker binds calls to the symbols that we
//   export;
//   * opened by the Python package after mlx.core: the slots of all libraries are rewritten
//   (got.h);
//   * and for functions whose address mlx.core has already put into Python objects: those objects
//   are mended.
// In each, libmlx.so's own calls are led to the inner functions (gates.h).
#include "mlx/attach.h"

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>

#include "api/mlx_prefix.h"
#include "mlx/failures.h"
#include "mlx/gates.h"
#include "mlx/kernel_primitive.h"
#include "mlx/libmlx.h"
#include "mlx/metal_kernel.h"
#include "mlx/python_errors.h"
#include "mlx/records.h"
#include "runtime/runtime.h"

namespace anymetal::mlx {
namespace {

constexpr const char* kInstall = "pip install \"mlx[cpu]>=0.32.1,<0.33\"";

std::string attach() {
  if (path().empty()) return std::string("MLX isn't loaded. Install it with: ") + kInstall;
  if (!version_is_known()) {
    return "MLX " + version() +
           " is installed, and this anymetal works with 0.32.1 and later ones of 0.32. Install one "
           "with: " +
           kInstall;
  }
  // .../mlx/lib/libmlx.so has its headers in .../mlx/include.
  const auto folder = path().substr(0, path().rfind('/'));
  api::set_mlx_include_dir(folder + "/../include");
  redirect_calls(record_calls(), address(), Scope::only_there);
  redirect_calls(kernel_calls(), address(), Scope::everywhere_else);
  redirect_calls(waiting_calls(), address(), Scope::everywhere_else);
  redirect_calls(own_waiting_calls(), address(), Scope::only_there);
  if (gates_open()) {
    redirect_calls(inner_gates(), address(), Scope::only_there);
    // Python's module asks metal::is_available before it exports memory (DLPack), and there the
    // answer must stay no: so its slot keeps MLX's own function, and only the Python function of
    // that name is mended.
    redirect_calls(outer_gates().subspan(1), address(), Scope::everywhere_else);
  }
  return {};
}

[[gnu::constructor]] void attach_when_preloaded() {
  if (!path().empty()) (void)anymetal_mlx_attach();
}

}  // namespace
}  // namespace anymetal::mlx

using namespace anymetal::mlx;

const char* anymetal_mlx_attach() {
  static std::mutex mutex;
  static std::string complaint;
  std::lock_guard lock(mutex);
  complaint = attach();
  return complaint.empty() ? nullptr : complaint.c_str();
}

void anymetal_mlx_attach_python(const void* inside_core, void** buffer_slot) {
  // With LD_PRELOAD the linker has bound mlx.core's own question to ours (see attach).
  const Redirection own[] = {{kMetalIsAvailable, original(kMetalIsAvailable)}};
  redirect_calls(own, inside_core, Scope::only_there);
  raise_interrupts(inside_core);
  guard_buffers(buffer_slot);
  anymetal::runtime::install_interrupt_handler();
}

int anymetal_mlx_retarget(void* object, size_t bytes) {
  if (!gates_open()) return 0;
  int replaced = 0;
  auto** words = static_cast<void**>(object);
  for (size_t i = 0; i < bytes / sizeof(void*); ++i) {
    for (const auto& gate : outer_gates()) {
      void* own = original(std::string(gate.symbol).c_str());
      if (own && words[i] == own && own != gate.to) {
        words[i] = gate.to;
        ++replaced;
      }
    }
  }
  return replaced;
}

uint64_t anymetal_mlx_launches() {
  return launches();
}

const char* anymetal_mlx_version() {
  return version().c_str();
}
