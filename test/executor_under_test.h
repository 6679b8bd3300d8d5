// The executor that a test of whole kernels runs on, and its checks: ANYMETAL_EXECUTOR's and
// ANYMETAL_BOUNDS', so that each such program can run on every executor (CTest has an entry for
// each).
#pragma once

#include <cstdlib>
#include <string_view>

#include "backend/backend.h"

namespace anymetal {

inline backend::Backend& executor_under_test() {
  const char* name = std::getenv("ANYMETAL_EXECUTOR");
  backend::Backend* found = backend::find_backend(name ? name : "cpu");
  return found ? *found : backend::cpu_backend();
}

inline bool is_cpu_under_test() {
  return executor_under_test().name() == "cpu";
}

/// Without ANYMETAL_BOUNDS: the kind of checks that each executor has by default.
inline backend::Bounds bounds_under_test() {
  const char* value = std::getenv("ANYMETAL_BOUNDS");
  const std::string_view name = value ? value : is_cpu_under_test() ? "robust" : "error";
  return name == "off"      ? backend::Bounds::off
         : name == "robust" ? backend::Bounds::robust
                            : backend::Bounds::error;
}

/// Where a test has no wish of its own.
inline backend::CompileOptions options_under_test(backend::Extent threadgroup) {
  return {.bounds = bounds_under_test(), .threadgroup = threadgroup};
}

}  // namespace anymetal
