// How the processor computes while kernels run and are compiled.
#pragma once

#include <cfenv>

namespace anymetal::backend {

/// While it lives, this thread rounds to nearest even, keeps denormals and raises no exception,
/// whatever the program around us has set: a library that was linked with -ffast-math makes
/// denormals zero in each thread that starts after it was loaded. Fibres take over what holds where
/// they are made.
class DefaultFloatEnvironment {
 public:
  DefaultFloatEnvironment() {
    std::fegetenv(&callers_);
    std::fesetenv(FE_DFL_ENV);
  }
  ~DefaultFloatEnvironment() { std::fesetenv(&callers_); }
  DefaultFloatEnvironment(const DefaultFloatEnvironment&) = delete;
  DefaultFloatEnvironment& operator=(const DefaultFloatEnvironment&) = delete;

 private:
  std::fenv_t callers_{};
};

}  // namespace anymetal::backend
