// The executor that a test of whole kernels runs on: ANYMETAL_EXECUTOR's, so that each such program
// can run on every executor (CTest has an entry for each).
#pragma once

#include <cstdlib>
#include <string_view>

#include "backend/backend.h"

namespace anymetal {

inline backend::Backend& executor_under_test() {
  const char* name = std::getenv("ANYMETAL_EXECUTOR");
  backend::Backend* found = backend::find_backend(name ? name : "reference");
  return found ? *found : backend::reference_backend();
}

inline bool is_cpu_under_test() {
  return executor_under_test().name() == "cpu";
}

/// Where a test has no wish of its own: the kind of checks under which the executor runs its own
/// code.
inline backend::CompileOptions options_under_test(backend::Extent threadgroup) {
  return {.bounds = is_cpu_under_test() ? backend::Bounds::off : backend::Bounds::error,
          .threadgroup = threadgroup};
}

}  // namespace anymetal
