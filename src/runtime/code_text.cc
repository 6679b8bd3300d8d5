// What `anymetal compile` shows below the level of Metal. It lives here, since programs that use
// the library see no LLVM.
#include "runtime/code_text.h"

#include <llvm/Support/raw_ostream.h>

#include "backend/reference/pipeline.h"
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

std::vector<PassName> pass_names() {
  return backend::reference::passes();
}

Result<std::string> ir_text_after(language::ParsedLibrary& library, std::string_view kernel,
                                  const Settings& settings, std::string_view pass) {
  ANYMETAL_ASSIGN_OR_RETURN(ThreadIr ir, library.emit(kernel));
  return backend::reference::ir_after(std::move(ir), {.bounds = settings.bounds}, pass);
}

}  // namespace anymetal::runtime
