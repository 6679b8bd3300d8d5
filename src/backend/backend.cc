#include "backend/backend.h"

#include "ir/thread_ir.h"

namespace anymetal::backend {

Result<std::string> Backend::assembly(ThreadIr ir, const CompileOptions& options) {
  return unsupported_error("the executor '" + std::string(name()) +
                           "' shows no assembly; not supported yet");
}

Backend* find_backend(std::string_view name) {
  for (Backend* backend : {&reference_backend(), &cpu_backend()}) {
    if (backend->name() == name) return backend;
  }
  return nullptr;
}

}  // namespace anymetal::backend
