#include "anymetal_kernels/qr.h"
#include "binding/binding.h"

namespace anymetal::kernels {
namespace {

QrMethod method_of(const std::string& name) {
  if (name == "householder") return QrMethod::householder;
  if (name == "gram_schmidt") return QrMethod::gram_schmidt;
  throw std::invalid_argument("[anymetal.kernels.qr] method: '" + name +
                              "' was given; 'householder' or 'gram_schmidt' is wanted.");
}

}  // namespace

void bind_qr(nb::module_& module) {
  module.def(
      "qr",
      [](const mlx::core::array& a, bool complete, const std::string& method,
         mlx::core::StreamOrDevice stream) { return qr(a, {complete, method_of(method)}, stream); },
      "a"_a, nb::kw_only(), "complete"_a = false, "method"_a = "householder",
      "stream"_a = nb::none(),
      R"(Q and R with Q R = a, Q^T Q = I, and R upper triangular (its diagonal may be negative).

Args:
    a (mx.array): [..., m, n], float32, of any rank and shape.
    complete (bool): Q is m x m and R m x n; else Q is m x k and R k x n, k = min(m, n).
    method (str): "householder": reflectors in panels of 64 columns, applied as products (compact WY); Q is orthonormal whatever a's rank.
        "gram_schmidt": modified Gram-Schmidt from qr_col_dot and qr_update_vec, each column orthogonalised twice; for m >= n, not complete; columns
        that depend on those before them give columns of zeros in Q and zeros on R's diagonal.
    stream (mx.Stream or mx.Device, optional): where it runs.

Returns:
    tuple[mx.array, mx.array]: Q and R. Differentiable for full rank of the first k columns, not complete (Walter and Lehmann, "Algorithmic
    differentiation of linear algebra functions", 2012).

Raises:
    ValueError: another type or rank; a method that there isn't, or that hasn't what is asked for.

|Q R - a| <= 4 k 2^-24 |a| and |Q^T Q - I| <= 4 k 2^-24, k = max(m, n), in Frobenius's norm (Higham, "Accuracy and Stability of Numerical Algorithms", theorem 19.4).
)");
  module.def("qr_col_dot", &qr_col_dot, "q"_a, "v"_a, nb::kw_only(), "stream"_a = nb::none(),
             R"(q^T v: the guides' projection, a thread a column.

Args:
    q (mx.array): [m, k]; float32, float16 or bfloat16, summed in float32.
    v (mx.array): [m], the type of q.
    stream (mx.Stream or mx.Device, optional): where it runs.

Returns:
    mx.array: [k].

Raises:
    ValueError: types or shapes that don't fit.
)");
  module.def("qr_update_vec", &qr_update_vec, "q"_a, "v"_a, "c"_a, nb::kw_only(),
             "stream"_a = nb::none(), R"(v - q c: the guides' update, a thread a row.

Args:
    q (mx.array): [m, k]; float32, float16 or bfloat16, summed in float32.
    v (mx.array): [m], the type of q.
    c (mx.array): [k], the type of q.
    stream (mx.Stream or mx.Device, optional): where it runs.

Returns:
    mx.array: [m].

Raises:
    ValueError: types or shapes that don't fit.
)");
}

}  // namespace anymetal::kernels
