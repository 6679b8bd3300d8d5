#include "backend/backend.h"

#include "ir/thread_ir.h"

namespace anymetal::backend {

Result<std::string> Backend::assembly(ThreadIr ir, const CompileOptions& options) {
  return unsupported_error("the executor '" + std::string(name()) +
                           "' shows no assembly; not supported yet");
}

}  // namespace anymetal::backend
