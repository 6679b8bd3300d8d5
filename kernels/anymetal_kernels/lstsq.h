// Least squares.
#pragma once

#include <string>

#include "anymetal_kernels/api.h"
#include "mlx/mlx.h"

namespace anymetal::kernels {

struct LstsqOptions {
  bool check = true;  ///< evaluates, and throws std::invalid_argument if a's rank isn't full
};

/// x that makes |a x - b| least; of several, the one with the least |x|.
///
/// a: [..., m, n], b: [..., m, k], float32, one batch for both; full rank. Returns [..., n, k]. For
/// m >= n by QR of a: R x = Q^T b; for m < n by QR of a^T: x = Q R^-T b. Differentiable in both.
/// Backward stable (Higham, "Accuracy and Stability of Numerical Algorithms", theorem 20.3): x
/// solves exactly a problem that is off by at most 8 max(m, n) 2^-24 |a|. With check, and outside
/// of mx::compile, it waits for R, and throws if one of its diagonal elements is below max(m, n) *
/// 2^-23 times the largest; without it the solution may be infinite or NaN. Throws
/// std::invalid_argument for other types, ranks and shapes.
ANYMETAL_KERNELS_API mlx::core::array lstsq(const mlx::core::array& a, const mlx::core::array& b,
                                            LstsqOptions options = {},
                                            mlx::core::StreamOrDevice stream = {});

}  // namespace anymetal::kernels
