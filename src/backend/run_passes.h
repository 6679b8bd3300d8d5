// The loop over an executor's list of passes. What a pass may look at and change is the executor's
// own type, with members `module` and `passes` (LlvmPasses).
#pragma once

#include <llvm/IR/Module.h>

#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "backend/llvm_passes.h"
#include "support/pass_name.h"
#include "support/processor_time.h"
#include "support/result.h"
#include "support/stop_flag.h"

namespace anymetal::backend {

template <class Compilation>
struct Pass {
  std::string_view name;
  std::string_view what;
  Result<void> (*run)(Compilation& compilation);
};

/// For a pass that can't fail.
template <auto Change, class Compilation>
Result<void> plain(Compilation& compilation) {
  Change(compilation);
  return {};
}

/// Ends after the pass `last`; empty: after all. The IR is verified after the last one at least.
template <class Compilation>
[[nodiscard]] Result<void> run_passes(std::span<const Pass<Compilation>> passes,
                                      Compilation& compilation, std::string_view last,
                                      std::vector<PassTime>* times = nullptr) {
  for (const Pass<Compilation>& pass : passes) {
    const double start = processor_seconds();
    Result<void> done = pass.run(compilation);
    // Our passes change the function without saying what they keep.
    compilation.passes.clear();
    if (times != nullptr) {
      times->push_back({pass.name, processor_seconds() - start,
                        size_t(compilation.module.getInstructionCount())});
    }
    ANYMETAL_RETURN_IF_ERROR(std::move(done));
    if (stop_requested()) return compilation_stopped();
    const bool is_last = pass.name == last || &pass == &passes.back();
    if (is_last || verifies_each_pass())
      ANYMETAL_RETURN_IF_ERROR(verify(compilation.module, pass.name));
    if (is_last) break;
  }
  return {};
}

template <class Compilation>
[[nodiscard]] std::vector<PassName> pass_names(std::span<const Pass<Compilation>> passes) {
  std::vector<PassName> names;
  for (const Pass<Compilation>& pass : passes) names.push_back({pass.name, pass.what});
  return names;
}

}  // namespace anymetal::backend
