#include "anymetal_kernels/cholesky.h"
#include "binding/binding.h"

namespace anymetal::kernels {
namespace {

/// As NotPositiveDefiniteError, with its numbers as attributes.
void translate(const std::exception_ptr& thrown, void* kind) {
  try {
    std::rethrow_exception(thrown);
  } catch (const NotPositiveDefinite& error) {
    nb::object made = nb::handle(static_cast<PyObject*>(kind))(error.what());
    made.attr("leading_minor") = error.leading_minor;
    made.attr("matrix") = error.matrix;
    PyErr_SetObject(static_cast<PyObject*>(kind), made.ptr());
  }
}

}  // namespace

void bind_cholesky(nb::module_& module) {
  nb::object kind = nb::steal(PyErr_NewExceptionWithDoc(
      "anymetal.kernels.NotPositiveDefiniteError",
      "A matrix isn't positive definite. leading_minor: the order of the first minor that isn't "
      "positive, from 1; matrix: which of the batch, from 0.",
      PyExc_ValueError, nullptr));
  module.attr("NotPositiveDefiniteError") = kind;
  nb::register_exception_translator(translate, kind.release().ptr());
  module.def(
      "cholesky",
      [](const mlx::core::array& a, bool upper, bool check, mlx::core::StreamOrDevice stream) {
        return cholesky(a, {upper, check}, stream);
      },
      "a"_a, nb::kw_only(), "upper"_a = false, "check"_a = true, "stream"_a = nb::none(),
      R"(The Cholesky factor of each matrix: L with L L^T = a, or with upper U with U^T U = a.

Args:
    a (mx.array): [..., n, n], float32, symmetric; only the lower triangle is read, with upper only the upper one.
    upper (bool): which factor.
    check (bool): wait for the result, and raise if a matrix isn't positive definite. Without it, and while mx.compile traces, the factor is NaN from
        that row on.
    stream (mx.Stream or mx.Device, optional): where it runs.

Returns:
    mx.array: the same shape, zeros on the other side of the diagonal. Differentiable.

Raises:
    NotPositiveDefiniteError: (a ValueError) names the leading minor that isn't positive.
    ValueError: other types, ranks and shapes.

|L L^T - a| <= 2 n 2^-24 |L| |L|^T elementwise (Higham, "Accuracy and Stability of Numerical Algorithms", theorem 10.3).
)");
}

}  // namespace anymetal::kernels
