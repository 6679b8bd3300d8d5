// What all threads of the process have taken of the processors: on a machine that others use too,
// the only time that says something about the work.
#pragma once

#include <cstddef>
#include <ctime>
#include <string_view>

namespace anymetal {

/// A pass that ran.
struct PassTime {
  std::string_view name;
  double seconds = 0;  ///< of the processor
  size_t size = 0;     ///< instructions after it
};

[[nodiscard]] inline double processor_seconds() {
  timespec now = {};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return double(now.tv_sec) + double(now.tv_nsec) * 1e-9;
}

}  // namespace anymetal
