// Triangular systems on parts of arrays, for solve_triangular and the factorisations.
#pragma once

#include "anymetal_kernels/solve_triangular.h"
#include "gemm/gemm_launch.h"

namespace anymetal::kernels {

constexpr int kTriangle = 64;  ///< rows of the triangles that are solved at once

/// X with op(t) X = b, [batch, n, columns].
mx::array solve_parts(const Operand& t, const Operand& b, int n, int columns, int batch,
                      TriangularOptions options, const mx::StreamOrDevice& stream);

/// A band of an upper triangular matrix of `row` columns: zeros, the triangle u ([batch, n, n]),
/// and u^-T b for the last `columns`: [batch, n, row].
mx::array solve_band(const mx::array& u, const Operand& b, int n, int columns, int row, int batch,
                     const mx::StreamOrDevice& stream);

}  // namespace anymetal::kernels
