// The host's functions behind the math and integer rows of the builtin table: am.exp.f32 and its
// like.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace anymetal::backend::reference {

/// IR name and address of each. The functions take and return float, _Float16, __bf16 or integers,
/// as the row says, in the machine's C calling convention; they neither set errno nor depend on it,
/// and may be called from any thread.
[[nodiscard]] const std::vector<std::pair<std::string, void*>>& math_functions();

}  // namespace anymetal::backend::reference
