#include "anymetal_kernels/lstsq.h"
#include "binding/binding.h"

namespace anymetal::kernels {

void bind_lstsq(nb::module_& module) {
  module.def(
      "lstsq",
      [](const mlx::core::array& a, const mlx::core::array& b, bool check,
         mlx::core::StreamOrDevice stream) { return lstsq(a, b, {check}, stream); },
      "a"_a, "b"_a, nb::kw_only(), "check"_a = true, "stream"_a = nb::none(),
      R"(x that makes |a x - b| least; of several, the one with the least |x|.

Args:
    a (mx.array): [..., m, n], float32, of full rank.
    b (mx.array): [..., m, k], float32, the batch of a.
    check (bool): wait for the factorisation, and raise if a's rank isn't full: if an element of R's diagonal is below max(m, n) * 2^-23 times the
        largest. Without it, and while mx.compile traces, the solution may be infinite or NaN then.
    stream (mx.Stream or mx.Device, optional): where it runs.

Returns:
    mx.array: [..., n, k]. For m >= n by QR of a, R x = Q^T b; for m < n by QR of a^T, x = Q R^-T b. Differentiable in a and b.

Raises:
    ValueError: a rank that isn't full (the column is named); other types, ranks and shapes.

x solves exactly a problem that is off by at most 8 max(m, n) 2^-24 |a| (Higham, "Accuracy and Stability of Numerical Algorithms", theorem 20.3).
)");
}

}  // namespace anymetal::kernels
