// The Cholesky factorisation.
#pragma once

#include <string>

#include "anymetal_kernels/api.h"
#include "mlx/mlx.h"

namespace anymetal::kernels {

/// A matrix isn't positive definite.
class ANYMETAL_KERNELS_API NotPositiveDefinite : public std::invalid_argument {
 public:
  NotPositiveDefinite(const std::string& text, int leading_minor, int matrix)
      : std::invalid_argument(text), leading_minor(leading_minor), matrix(matrix) {}

  int leading_minor;  ///< the order of the first one that isn't positive, from 1
  int matrix;         ///< which of the batch, in row-major order, from 0
};

struct CholeskyOptions {
  bool upper =
      false;  ///< U with U^T U = a, from the upper triangle; else L with L L^T = a, from the lower
  bool check = true;  ///< evaluates, and throws NotPositiveDefinite; else NaN from that row on
};

/// The Cholesky factor of each matrix.
///
/// a: [..., n, n], float32, symmetric; only one triangle is read. Returns the same shape, zeros on
/// the other side. Differentiable. Backward error: |L L^T - a| <= c n 2^-24 |L| |L|^T with c = 2
/// (Higham, "Accuracy and Stability of Numerical Algorithms", theorem 10.3). Blocks of 64 rows: the
/// diagonal one in one threadgroup, the band beside it a thread a column, the rest by the tiled
/// product. With check, and outside of mx::compile, where nothing can be evaluated, it waits for
/// the result. Throws std::invalid_argument for other types, ranks and shapes.
ANYMETAL_KERNELS_API mlx::core::array cholesky(const mlx::core::array& a,
                                               CholeskyOptions options = {},
                                               mlx::core::StreamOrDevice stream = {});

}  // namespace anymetal::kernels
