// How the processor computes while kernels run and are compiled.
#pragma once

#include <cfenv>
#include <cstdint>

namespace anymetal::backend {

/// While it lives, this thread rounds to nearest even, keeps denormals and raises no exception,
/// whatever the program around us has set: a library that was linked with -ffast-math makes
/// denormals zero in each thread that starts after it was loaded. Fibres take over what holds where
/// they are made.
#if defined(__x86_64__)
// The one register that SSE and AVX compute by: reading it takes a nanosecond, fegetenv and
// fesetenv thirty and more, for the old coprocessor's state.
class DefaultFloatEnvironment {
 public:
  DefaultFloatEnvironment() : callers_(__builtin_ia32_stmxcsr()) {
    if ((callers_ & ~kFlags) != kDefault) __builtin_ia32_ldmxcsr(kDefault);
  }
  ~DefaultFloatEnvironment() {
    if (__builtin_ia32_stmxcsr() != callers_) __builtin_ia32_ldmxcsr(callers_);
  }
  DefaultFloatEnvironment(const DefaultFloatEnvironment&) = delete;
  DefaultFloatEnvironment& operator=(const DefaultFloatEnvironment&) = delete;

 private:
  static constexpr uint32_t kFlags = 0x3f;      ///< of exceptions that were met
  static constexpr uint32_t kDefault = 0x1f80;  ///< all masked, to nearest, denormals kept

  const uint32_t callers_;
};
#else
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

#endif

}  // namespace anymetal::backend
