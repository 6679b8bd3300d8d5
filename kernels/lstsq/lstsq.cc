// Least squares on top of qr, gemm and solve_triangular; there is no kernel of its own, and
// derivatives are those of its parts.
#include "anymetal_kernels/lstsq.h"

#include <cmath>

#include "anymetal_kernels/gemm.h"
#include "anymetal_kernels/qr.h"
#include "anymetal_kernels/solve_triangular.h"
#include "kernel/arguments.h"

namespace anymetal::kernels {
namespace {

/// Throws if R says that a column depends on those before it. While mx::compile traces there is
/// nothing to read.
void check_rank(const mx::array& r, const mx::array& a) {
  const int k = r.shape(-1);
  auto diagonal = mx::contiguous(mx::abs(mx::diagonal(r, 0, -2, -1)));
  try {
    diagonal.eval();
  } catch (const std::invalid_argument& error) {
    if (std::string_view(error.what()).find("function transformations") != std::string_view::npos)
      return;
    throw;
  }
  const float least = static_cast<float>(std::max(a.shape(-1), a.shape(-2))) * 0x1p-23F;
  const auto* values = diagonal.data<float>();
  for (size_t matrix = 0; matrix * k < diagonal.size(); ++matrix) {
    const auto* first = values + matrix * k;
    float largest = 0;
    for (int i = 0; i < k; ++i) largest = std::fmax(largest, first[i]);
    for (int i = 0; i < k; ++i) {
      if (first[i] > least * largest || std::isnan(first[i])) continue;
      const std::string which = diagonal.size() > static_cast<size_t>(k)
                                    ? " (in matrix " + std::to_string(matrix) + ")"
                                    : "";
      const char* line = a.shape(-2) >= a.shape(-1) ? "column " : "row ";
      refuse("lstsq", "a",
             describe(a) + ", whose " + line + std::to_string(i) + which +
                 " depends on those before it,",
             "full rank");
    }
  }
}

}  // namespace

mx::array lstsq(const mx::array& a, const mx::array& b, LstsqOptions options,
                mx::StreamOrDevice stream) {
  const Argument first{"lstsq", "a", a}, second{"lstsq", "b", b};
  need_float32(first);
  need_float32(second);
  need_matrices(first);
  need_matrices(second);
  const mx::Shape rows(a.shape().begin(), a.shape().end() - 1);
  if (rows != mx::Shape(b.shape().begin(), b.shape().end() - 1))
    refuse(second, "the batch and the rows of a, " + describe(a) + ",");
  const int m = a.shape(-2), n = a.shape(-1);
  mx::Shape shape = b.shape();
  shape[shape.size() - 2] = n;
  if (a.size() == 0 || b.size() == 0) return mx::zeros(shape, mx::float32, stream);
  const auto [q, r] = qr(m >= n ? a : mx::swapaxes(a, -1, -2, stream), {}, stream);
  if (options.check) check_rank(r, a);
  if (m >= n) {
    return solve_triangular(r, gemm(q, b, {true, false}, stream), {.upper = true}, stream);
  }
  return gemm(q, solve_triangular(r, b, {.upper = true, .transpose = true}, stream), {}, stream);
}

}  // namespace anymetal::kernels
