// Systems of equations with triangular matrices.
#pragma once

#include "anymetal_kernels/api.h"
#include "mlx/mlx.h"

namespace anymetal::kernels {

struct TriangularOptions {
  bool upper = false;      ///< a is upper triangular; what lies on the other side isn't read
  bool transpose = false;  ///< solve a^T x = b
};

/// x with a x = b, or a^T x = b.
///
/// a: [..., n, n], b: [..., n, k]; float32; the same batch, or one matrix a for all. Returns [...,
/// n, k]. Zeros on the diagonal give what division by zero gives. Differentiable in both. Backward
/// error: |a x - b| <= c n 2^-24 |a| |x| elementwise, with c = 2 (Higham, "Accuracy and Stability
/// of Numerical Algorithms", theorem 8.5). By halves: the lower half's right side is updated by a
/// tiled product (gemm), triangles of 64 rows are solved a thread a column. Throws
/// std::invalid_argument for other types, ranks and shapes.
ANYMETAL_KERNELS_API mlx::core::array solve_triangular(const mlx::core::array& a,
                                                       const mlx::core::array& b,
                                                       TriangularOptions options = {},
                                                       mlx::core::StreamOrDevice stream = {});

}  // namespace anymetal::kernels
