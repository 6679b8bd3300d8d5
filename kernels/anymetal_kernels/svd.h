// Singular values and eigenvalues: by Jacobi's method for matrices of moderate size, by subspace
// iteration for the leading ones of large matrices.
#pragma once

#include <cstdint>
#include <tuple>
#include <utility>

#include "anymetal_kernels/api.h"
#include "mlx/mlx.h"

namespace anymetal::kernels {

/// A = U diag(S) Vt, thin, by one-sided Jacobi in one threadgroup for each matrix.
///
/// a: [..., m, n], at most 1,024 rows or columns, whichever is less; float32, float16 or bfloat16.
/// Returns U [..., m, k], S [..., k] from the largest, Vt [..., k, n] with k = min(m, n), float32.
/// U and V are orthonormal also where A hasn't full rank. NaN or Inf anywhere in a matrix makes its
/// results NaN. Differentiable; not finite where singular values are equal, and in U and Vt where
/// they are 0. Error: |U S Vt - A| <= 20 n eps |A|, |U^T U - 1| and |V^T V - 1| <= 20 n eps (norms
/// of Frobenius, n = k, eps = 2^-24); small singular values are as exact as A's columns are scaled
/// (Demmel, Veselić 1992). Throws std::invalid_argument for other types and sizes. Source: Hestenes
/// 1958; Golub, Van Loan, Matrix Computations, 8.6.3; gradients: Townsend, Differentiating the
/// singular value decomposition (2016).
ANYMETAL_KERNELS_API std::tuple<mlx::core::array, mlx::core::array, mlx::core::array> svd(
    const mlx::core::array& a, mlx::core::StreamOrDevice stream = {});

/// A V = V diag(W) for symmetric A, by Jacobi's rotations in one threadgroup for each matrix.
///
/// a: [..., n, n], n at most 1,024; float32, float16 or bfloat16. Only the lower triangle is read.
/// Returns W [..., n] from the smallest, and V [..., n, n], the eigenvectors as columns, float32.
/// Differentiable (symmetric gradients in the lower triangle); not finite where eigenvalues are
/// equal. Error: |A V - V W| <= 20 n eps |A|, |V^T V - 1| <= 20 n eps. Throws std::invalid_argument
/// for other types and sizes. Source: Jacobi 1846; Golub, Van Loan, Matrix Computations, 8.5.
ANYMETAL_KERNELS_API std::pair<mlx::core::array, mlx::core::array> eigh(
    const mlx::core::array& a, mlx::core::StreamOrDevice stream = {});

struct SubspaceOptions {
  int oversample = 8;       ///< more columns than are asked for; they speed up the convergence
  int iterations = 100;     ///< at most
  float tolerance = 1e-5F;  ///< of residuals, relative to the largest eigenvalue of A^T A
  int bands = 1;            ///< parts of A's columns in the Z step, each on a stream of its own
  uint64_t seed = 0;        ///< of the first subspace
};

/// The `rank` largest singular values with their vectors, by subspace iteration.
///
/// Each turn is two products with tiles, B = A V and Z = A^T B, and Z made orthonormal by qr. The
/// second one, the Z step, may go in bands: parts of A's columns, each on its own stream, so that
/// they overlap and each stays in the cache. It ends when |A^T A v - v s^2| <= tolerance s_1^2 for
/// each of the `rank` leading vectors (this looks at numbers, so it isn't lazy), or throws
/// std::runtime_error after `iterations`. The singular values come from qr of A V and `svd` of its
/// small R, not from squares.
///
/// a: [m, n], float32; rank: 1 to min(m, n), at most 1,024, with the oversample, too.
/// Returns U [m, rank], S [rank], Vt [rank, n]. Not differentiable.
/// Error of S: at most tolerance s_1 where there is a gap behind the rank, and rounding.
/// Throws std::invalid_argument for other types, ranks and options. Source: the guides' "SVD power
/// iteration" and "Streams and banding"; Halko, Martinsson, Tropp 2011 (arXiv:0909.4061),
/// algorithm 4.4; Golub, Van Loan, 8.2.4.
ANYMETAL_KERNELS_API std::tuple<mlx::core::array, mlx::core::array, mlx::core::array> subspace_svd(
    const mlx::core::array& a, int rank, const SubspaceOptions& options = {},
    mlx::core::StreamOrDevice stream = {});

}  // namespace anymetal::kernels
