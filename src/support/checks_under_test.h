// Tests of what happens outside buffers with ANYMETAL_BOUNDS=error ask this, and are skipped
// without: CTest runs their programs on the reference executor too, whose default it is.
#pragma once

#include <cstdlib>
#include <string_view>

namespace anymetal {

/// Whether an access outside a buffer stops a kernel in this process.
inline bool stops_outside_under_test() {
  const auto is = [](const char* variable, std::string_view value) {
    const char* set = std::getenv(variable);
    return (set ? std::string_view(set) : std::string_view()) == value;
  };
  return is("ANYMETAL_BOUNDS", "error") ||
         (is("ANYMETAL_BOUNDS", "") && is("ANYMETAL_EXECUTOR", "reference"));
}

}  // namespace anymetal
