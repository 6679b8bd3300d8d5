// What tools look at that kernels never need: the IR between passes. Callers see no LLVM.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/runtime.h"
#include "support/pass_name.h"

namespace anymetal::runtime {

/// The passes over the IR of one thread, in their order, and the IR after one of them.
[[nodiscard]] ANYMETAL_PRIVATE_API std::vector<PassName> pass_names();
[[nodiscard]] ANYMETAL_PRIVATE_API Result<std::string> ir_text_after(
    language::ParsedLibrary& library, std::string_view kernel, const Settings& settings,
    std::string_view pass);

}  // namespace anymetal::runtime
