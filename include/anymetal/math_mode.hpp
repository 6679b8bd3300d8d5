// How freely the compiler may treat floating point.
#pragma once

#include <cstdint>

namespace anymetal {

/// Metal's three modes; `safe` is the default, as in MLX.
enum class MathMode : uint8_t {
  safe,     ///< IEEE behaviour for special values: exp(-inf) == 0
  relaxed,  ///< may reassociate, but honours infinities and NaN
  fast,     ///< may also assume that there are no infinities and no NaN; `__FAST_MATH__` is defined
};

}  // namespace anymetal
