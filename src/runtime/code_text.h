// What tools look at that kernels never need: the IR between passes, and where the time of a
// compilation goes. Callers see no LLVM.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/runtime.h"
#include "support/pass_name.h"
#include "support/processor_time.h"

namespace anymetal::runtime {

/// A kernel, and what its code is made for.
struct KernelChoice {
  language::ParsedLibrary& library;
  std::string kernel;
  std::vector<language::ConstantValue> constants;
  Settings settings;
  Extent threadgroup;
};

/// The IR of one thread, as language::ParsedLibrary::emit gives it.
[[nodiscard]] ANYMETAL_PRIVATE_API Result<std::string> thread_ir_text(const KernelChoice& choice);

/// The machine code that the executor of `settings` would run. `with_places` adds `.file` and
/// `.loc` lines that lead to the user's text, and comments of LLVM's on spills and loops.
[[nodiscard]] ANYMETAL_PRIVATE_API Result<std::string> assembly_text(const KernelChoice& choice,
                                                                     bool with_places = false);

/// The executors' passes over the IR, in their order, and the IR after one of them.
[[nodiscard]] ANYMETAL_PRIVATE_API std::vector<PassName> pass_names(std::string_view executor);
[[nodiscard]] ANYMETAL_PRIVATE_API Result<std::string> ir_text_after(const KernelChoice& choice,
                                                                     std::string_view pass);

/// What the executor has to say about the code that it makes: "file:line: text".
[[nodiscard]] ANYMETAL_PRIVATE_API Result<std::vector<std::string>> remark_lines(
    const KernelChoice& choice);

/// The CPU executor's passes, in order, and last the making of code.
[[nodiscard]] ANYMETAL_PRIVATE_API Result<std::vector<PassTime>> time_passes(
    const KernelChoice& choice);

/// Seconds of processor time of each stage of a compilation that no cache helps, by the executor of
/// the settings.
struct StageTimes {
  double parse = 0;
  double emit = 0;
  double passes = 0;
  double code_generation = 0;
  double linking = 0;
};
[[nodiscard]] ANYMETAL_PRIVATE_API Result<StageTimes> time_stages(
    const language::Source& source, const language::Options& options, std::string_view kernel,
    std::span<const language::ConstantValue> constants, const Settings& settings,
    Extent threadgroup);

}  // namespace anymetal::runtime
