// What `anymetal compile` shows below the level of Metal. It lives here, since programs that use
// the library see no LLVM.
#include "runtime/code_text.h"

#include <fmt/format.h>
#include <llvm/Support/raw_ostream.h>

#include <algorithm>

#include "backend/cpu/pipeline.h"
#include "backend/debug_places.h"
#include "backend/reference/pipeline.h"
#include "ir/thread_ir.h"
#include "runtime/runtime.h"

namespace anymetal::runtime {

namespace {

Result<ThreadIr> emit(const KernelChoice& choice) {
  return choice.library.emit(choice.kernel, choice.constants);
}

backend::CompileOptions options_of(const KernelChoice& choice) {
  return {.bounds = choice.settings.bounds, .threadgroup = choice.threadgroup};
}

backend::cpu::Variant variant_of(const KernelChoice& choice) {
  const bool robust = choice.settings.bounds == backend::Bounds::robust;
  return {.dispatch = choice.threadgroup,
          .threadgroup = choice.threadgroup,
          .bounds = robust ? backend::Bounds::robust : backend::Bounds::off};
}

}  // namespace

Result<std::string> thread_ir_text(const KernelChoice& choice) {
  ANYMETAL_ASSIGN_OR_RETURN(const ThreadIr ir, emit(choice));
  std::string out;
  llvm::raw_string_ostream stream(out);
  ir.module->print(stream, nullptr);
  return out;
}

Result<std::string> assembly_text(const KernelChoice& choice, bool with_places) {
  const Engine engine = Engine::system(choice.settings);
  if (engine.backend == nullptr) return *engine.missing;
  ANYMETAL_ASSIGN_OR_RETURN(ThreadIr ir, emit(choice));
  if (with_places) ir.module->getOrInsertNamedMetadata(backend::kKeepPlaces);
  return engine.backend->assembly(std::move(ir), options_of(choice));
}

std::vector<PassName> pass_names(std::string_view executor) {
  return executor == "cpu" ? backend::cpu::passes() : backend::reference::passes();
}

Result<std::string> ir_text_after(const KernelChoice& choice, std::string_view pass) {
  ANYMETAL_ASSIGN_OR_RETURN(ThreadIr ir, emit(choice));
  const backend::Bounds bounds = choice.settings.bounds;
  if (choice.settings.executor == "cpu")
    return backend::cpu::ir_after(std::move(ir), variant_of(choice), pass);
  return backend::reference::ir_after(std::move(ir), {.bounds = bounds}, pass);
}

Result<std::vector<std::string>> remark_lines(const KernelChoice& choice) {
  const Engine engine = Engine::system(choice.settings);
  if (engine.backend == nullptr) return *engine.missing;
  ANYMETAL_ASSIGN_OR_RETURN(ThreadIr ir, emit(choice));
  ANYMETAL_ASSIGN_OR_RETURN(const auto code,
                            engine.backend->compile(std::move(ir), options_of(choice)));
  std::vector<std::string> lines;
  for (const backend::Remark& remark : code->remarks()) {
    std::string line = remark.line == 0
                           ? remark.text
                           : fmt::format("{}:{}: {}", remark.file, remark.line, remark.text);
    // A line that is made in several forms is said once.
    if (std::ranges::find(lines, line) == lines.end()) lines.push_back(std::move(line));
  }
  return lines;
}

Result<std::vector<PassTime>> time_passes(const KernelChoice& choice) {
  const double start = processor_seconds();
  ANYMETAL_ASSIGN_OR_RETURN(ThreadIr ir, emit(choice));
  const double seconds = processor_seconds() - start;
  const size_t size = ir.module->getInstructionCount();
  ANYMETAL_ASSIGN_OR_RETURN(auto times,
                            backend::cpu::time_passes(std::move(ir), variant_of(choice)));
  times.insert(times.begin(), {"emit", seconds, size});
  return times;
}

Result<StageTimes> time_stages(const language::Source& source, const language::Options& options,
                               std::string_view kernel,
                               std::span<const language::ConstantValue> constants,
                               const Settings& settings, Extent threadgroup) {
  const Engine engine = Engine::system(settings);
  if (engine.backend == nullptr) return *engine.missing;
  backend::CompileTimes below;
  backend::CompileOptions compile_options{
      .bounds = settings.bounds, .threadgroup = threadgroup, .times = &below};
  StageTimes times;
  double start = processor_seconds();
  ANYMETAL_ASSIGN_OR_RETURN(const auto library, language::parse(source, options));
  times.parse = processor_seconds() - start;
  start = processor_seconds();
  ANYMETAL_ASSIGN_OR_RETURN(ThreadIr ir, library->emit(kernel, constants));
  times.emit = processor_seconds() - start;
  ANYMETAL_ASSIGN_OR_RETURN(const auto code,
                            engine.backend->compile(std::move(ir), compile_options));
  times.passes = below.passes;
  times.code_generation = below.code_generation;
  start = processor_seconds();
  ANYMETAL_ASSIGN_OR_RETURN(
      const auto loaded, engine.backend->load(code->object(), code->interface(), compile_options));
  times.linking = processor_seconds() - start;
  return times;
}

}  // namespace anymetal::runtime
