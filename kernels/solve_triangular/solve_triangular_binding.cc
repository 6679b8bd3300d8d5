#include "anymetal_kernels/solve_triangular.h"
#include "binding/binding.h"

namespace anymetal::kernels {

void bind_solve_triangular(nb::module_& module) {
  module.def(
      "solve_triangular",
      [](const mlx::core::array& a, const mlx::core::array& b, bool upper, bool transpose,
         mlx::core::StreamOrDevice stream) {
        return solve_triangular(a, b, {upper, transpose}, stream);
      },
      "a"_a, "b"_a, nb::kw_only(), "upper"_a = false, "transpose"_a = false,
      "stream"_a = nb::none(), R"(x with a x = b, or a^T x = b, for a triangular a.

Args:
    a (mx.array): [..., n, n], float32; only its triangle is read.
    b (mx.array): [..., n, k], float32; the batch of a, or any batch if a is one matrix.
    upper (bool): a is upper triangular.
    transpose (bool): solve a^T x = b.
    stream (mx.Stream or mx.Device, optional): where it runs.

Returns:
    mx.array: [..., n, k], float32. Zeros on the diagonal give what division by zero gives. Differentiable in a and b.

Raises:
    ValueError: other types, ranks and shapes.

Elementwise |a x - b| <= 2 n 2^-24 |a| |x| (Higham, "Accuracy and Stability of Numerical Algorithms", theorem 8.5).
)");
}

}  // namespace anymetal::kernels
