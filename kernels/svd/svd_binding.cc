#include "anymetal_kernels/svd.h"
#include "binding/binding.h"

namespace anymetal::kernels {
namespace {

constexpr const char* kSvdText =
    R"(A = U diag(S) Vt, thin, by one-sided Jacobi in one threadgroup for each matrix.

Args:
    a (mx.array): [..., m, n], at most 1,024 rows or columns, whichever is less; float32, float16 or bfloat16.
    stream (mx.Stream or mx.Device, optional): where it runs.

Returns:
    tuple: U [..., m, k], S [..., k] from the largest, Vt [..., k, n] with k = min(m, n), float32. U and V are orthonormal also where
    A hasn't full rank. NaN or Inf anywhere in a matrix makes its results NaN. Differentiable; gradients aren't finite where singular
    values are equal, and those of U and Vt where they are 0.

Raises:
    ValueError: other types and sizes.

|U S Vt - A| <= 20 k eps |A|, |U^T U - 1| and |V^T V - 1| <= 20 k eps (norms of Frobenius, eps = 2^-24). Source: Hestenes 1958; Golub, Van
Loan, Matrix Computations, 8.6.3; gradients: Townsend 2016.
)";

constexpr const char* kEighText =
    R"(A V = V diag(W) for symmetric A, by Jacobi's rotations in one threadgroup for each matrix.

Args:
    a (mx.array): [..., n, n], n at most 1,024; float32, float16 or bfloat16. Only the lower triangle is read.
    stream (mx.Stream or mx.Device, optional): where it runs.

Returns:
    tuple: W [..., n] from the smallest, and V [..., n, n], the eigenvectors as columns, float32. Differentiable; gradients aren't
    finite where eigenvalues are equal.

Raises:
    ValueError: other types and sizes.

|A V - V W| <= 20 n eps |A|, |V^T V - 1| <= 20 n eps (norms of Frobenius, eps = 2^-24). Source: Jacobi 1846; Golub, Van Loan, Matrix
Computations, 8.5.
)";

}  // namespace

void bind_svd(nb::module_& module) {
  module.def("svd", &svd, "a"_a, nb::kw_only(), "stream"_a = nb::none(), kSvdText);
  module.def("eigh", &eigh, "a"_a, nb::kw_only(), "stream"_a = nb::none(), kEighText);
}

}  // namespace anymetal::kernels
