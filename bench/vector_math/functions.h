// Functions over arrays, of each competitor, by name.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace anymetal::vector_math {

/// out[i] = f(x[i], y[i]); y is unused by functions of one operand. Counts are multiples of 64.
using OverArrays = void (*)(const float* x, const float* y, float* out, size_t count);

struct Competitor {
  std::string function;  ///< "exp"
  std::string name;      ///< "ours", "ours, fast", "SLEEF u10", "libmvec"
  OverArrays run;
};

[[nodiscard]] std::vector<Competitor> ours();
[[nodiscard]] std::vector<Competitor> peers();

}  // namespace anymetal::vector_math
