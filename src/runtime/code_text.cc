// What `anymetal compile` shows below the level of Metal. It lives here, since programs that use
// the library see no LLVM.
#include <llvm/Support/raw_ostream.h>

#include "ir/thread_ir.h"
#include "runtime/runtime.h"

namespace anymetal::runtime {

Result<std::string> thread_ir_text(language::ParsedLibrary& library, std::string_view kernel) {
  ANYMETAL_ASSIGN_OR_RETURN(const ThreadIr ir, library.emit(kernel));
  std::string out;
  llvm::raw_string_ostream stream(out);
  ir.module->print(stream, nullptr);
  return out;
}

Result<std::string> assembly_text(language::ParsedLibrary& library, std::string_view kernel,
                                  const Settings& settings) {
  const Engine engine = Engine::system(settings);
  if (engine.backend == nullptr) return *engine.missing;
  ANYMETAL_ASSIGN_OR_RETURN(ThreadIr ir, library.emit(kernel));
  return engine.backend->assembly(std::move(ir), {.bounds = settings.bounds});
}

}  // namespace anymetal::runtime
