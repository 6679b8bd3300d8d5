// The QR factorisation.
#pragma once

#include <utility>

#include "anymetal_kernels/api.h"
#include "mlx/mlx.h"

namespace anymetal::kernels {

enum class QrMethod {
  householder,   ///< reflectors in panels of 64 columns, applied as products (compact WY); Q is
                 ///< always orthonormal
  gram_schmidt,  ///< modified Gram-Schmidt by blocks of columns, each column orthogonalised twice
};

struct QrOptions {
  bool complete = false;  ///< Q is m x m and R m x n; else Q is m x k and R k x n, k = min(m, n)
  QrMethod method = QrMethod::householder;
};

/// Q and R with Q R = a, Q^T Q = I, R upper triangular (its diagonal may be negative).
///
/// a: [..., m, n], float32, of any rank and shape. With gram_schmidt (m >= n, not complete),
/// columns that depend on those before them give columns of zeros in Q and zeros in R.
/// Differentiable for full rank of the first k columns, not complete (Walter, Lehmann, "Algorithmic
/// differentiation of linear algebra functions", 2012).
/// Backward error: |QR - a| <= c k 2^-24 |a|, |Q^T Q - I| <= c k 2^-24, k = max(m, n), c = 4 (norms
/// of Frobenius; Higham, "Accuracy and Stability of Numerical Algorithms", theorem 19.4; for
/// gram_schmidt: Giraud, Langou, Rozloznik, van den Eshof, 2005, as long as a's condition is below
/// 1e7). Throws std::invalid_argument for other types and ranks, and for what a method doesn't
/// have.
ANYMETAL_KERNELS_API std::pair<mlx::core::array, mlx::core::array> qr(
    const mlx::core::array& a, QrOptions options = {}, mlx::core::StreamOrDevice stream = {});

/// c = q^T v: q [m, k], v [m]; float32, float16 or bfloat16, summed in float32. The guides'
/// projection.
ANYMETAL_KERNELS_API mlx::core::array qr_col_dot(const mlx::core::array& q,
                                                 const mlx::core::array& v,
                                                 mlx::core::StreamOrDevice stream = {});

/// v - q c: q [m, k], v [m], c [k]. The guides' update.
ANYMETAL_KERNELS_API mlx::core::array qr_update_vec(const mlx::core::array& q,
                                                    const mlx::core::array& v,
                                                    const mlx::core::array& c,
                                                    mlx::core::StreamOrDevice stream = {});

}  // namespace anymetal::kernels
