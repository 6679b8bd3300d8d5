// Launches of the gemm kernel on parts of arrays: what the blocked factorisations are made of.
#pragma once

#include "anymetal_kernels/gemm.h"
#include "kernel/kernel.h"

namespace anymetal::kernels {

/// A matrix, or a batch of them, in a row-contiguous array.
struct Operand {
  mx::array array;
  int row_length = 0;  ///< elements from row to row
  int offset = 0;      ///< of the first element
  int batch_step = 0;  ///< elements from matrix to matrix; 0: one for all
};

/// The last two dimensions of a contiguous array.
Operand whole(const mx::array& array);

struct Product {
  int m = 0, n = 0, k = 0, batch = 1;
  GemmOptions options = {};
  bool is_upper = false;  ///< tiles wholly below the diagonal aren't computed, and hold anything
  int identity =
      0;  ///< subtract_product: d stands behind the identity of so many rows, on the diagonal
};

/// op(a) op(b), as [batch, m, n]; no dimension may be 0.
mx::array multiply(const Operand& a, const Operand& b, const Product& product, const GemmTile& tile,
                   const mx::StreamOrDevice& stream);
/// d - op(a) op(b).
mx::array subtract_product(const Operand& d, const Operand& a, const Operand& b,
                           const Product& product, const mx::StreamOrDevice& stream);

/// The transposed matrices of a batch, by a kernel: [..., m, n] to [..., n, m].
mx::array transposed(const mx::array& array, const mx::StreamOrDevice& stream);

}  // namespace anymetal::kernels
