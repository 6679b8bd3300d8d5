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

|U S Vt - A| <= 20 k eps |A|, |U^T U - 1| and |V^T V - 1| <= 20 k eps (norms of Frobenius, eps = 2^-24); S is off by at most
10 sqrt(k) eps |A|. Source: Hestenes 1958; Golub, Van
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

|A V - V W| <= 20 n eps |A|, |V^T V - 1| <= 20 n eps (norms of Frobenius, eps = 2^-24); W is off by at most 10 sqrt(n) eps |A|. Source: Jacobi 1846; Golub, Van Loan, Matrix
Computations, 8.5.
)";

constexpr const char* kSubspaceText =
    R"(The leading singular values with their vectors, by subspace iteration: B = A V, Z = A^T B, and Z made orthonormal by qr.

Args:
    a (mx.array): [m, n], float32.
    rank (int): how many, 1 to min(m, n).
    oversample (int): more columns than are asked for, which speed up the convergence; rank + oversample at most 1,024.
    iterations (int): at most.
    tolerance (float): of the residuals |A^T A v - v s^2|, relative to the largest s^2.
    bands (int): parts of A's columns in the Z step, each on a stream of its own, so that they overlap and each stays in the cache.
    seed (int): of the first subspace.
    stream (mx.Stream or mx.Device, optional): where all but the bands runs.

Returns:
    tuple: U [m, rank], S [rank], Vt [rank, n]. Not lazy: the test for convergence looks at numbers. Not differentiable.

Raises:
    ValueError: other types, ranks and options. RuntimeError: no convergence within the iterations.

Source: the guides' SVD power iteration; Halko, Martinsson, Tropp 2011 (arXiv:0909.4061), algorithm 4.4; Golub, Van Loan, 8.2.4.
)";

}  // namespace

void bind_svd(nb::module_& module) {
  module.def("svd", &svd, "a"_a, nb::kw_only(), "stream"_a = nb::none(), kSvdText);
  module.def("eigh", &eigh, "a"_a, nb::kw_only(), "stream"_a = nb::none(), kEighText);
  module.def(
      "subspace_svd",
      [](const mlx::core::array& a, int rank, int oversample, int iterations, float tolerance,
         int bands, uint64_t seed, mlx::core::StreamOrDevice stream) {
        nb::gil_scoped_release release;  // it waits for results
        return subspace_svd(a, rank, {oversample, iterations, tolerance, bands, seed}, stream);
      },
      "a"_a, "rank"_a, nb::kw_only(), "oversample"_a = 8, "iterations"_a = 100,
      "tolerance"_a = 1e-5F, "bands"_a = 1, "seed"_a = 0, "stream"_a = nb::none(), kSubspaceText);
}

}  // namespace anymetal::kernels
