// Jacobi's method for both: `jacobi` turns pairs of columns until none is left to turn,
// `jacobi_finish` puts into order what it left.
#include "anymetal_kernels/svd.h"

#include <algorithm>

#include "kernel/arguments.h"
#include "kernel/device_kind.h"
#include "kernel/kernel.h"

namespace anymetal::kernels {
namespace {

constexpr int kMostColumns = 1024;
constexpr uint32_t kMostSweeps = 40;  // random matrices of 1,024 columns take 15

/// a: (count, columns, height), each matrix's columns as rows; of a symmetric one the lower
/// triangle is read. Values (count, columns), left as a, right (count, columns, columns).
std::vector<mx::array> run_jacobi(const mx::array& a, bool is_symmetric,
                                  const mx::StreamOrDevice& s) {
  const int count = a.shape(0), columns = a.shape(1), height = a.shape(2);
  const int threads = runs_on_processor() ? 32 : 256;
  const mx::Shape square = {count, columns, columns};
  const int width = round_up(height, 32) + round_up(columns, 32);
  const auto columns_of = static_cast<uint32_t>(columns), height_of = static_cast<uint32_t>(height);
  const std::vector<std::pair<std::string, mx::fast::TemplateArg>> arguments = {
      {"SYMMETRIC", static_cast<int>(is_symmetric)}, {"THREADS", threads}};
  // Two blocks stay in the first cache; the more pairs, the fewer lanes that have no angle.
  const bool is_wide = runs_on_processor() && columns > 16 && width <= 256;
  auto with_block = arguments;
  with_block.emplace_back("BLOCK", is_wide ? 16 : 8);
  const auto turned = call_kernel("jacobi",
                                  {.inputs = {a, numbers({columns_of, height_of, kMostSweeps})},
                                   .shapes = {{count, columns, width}, {count}, {count}},
                                   .dtypes = {mx::float32, mx::float32, mx::uint32},
                                   .grid = {count * threads, 1, 1},
                                   .threadgroup = {threads, 1, 1},
                                   .arguments = with_block},
                                  s);
  return call_kernel("jacobi_finish",
                     {.inputs = {turned[0], turned[1], numbers({columns_of, height_of})},
                      .shapes = {{count, columns}, is_symmetric ? mx::Shape{1} : a.shape(), square},
                      .dtypes = {mx::float32, mx::float32, mx::float32},
                      .grid = {count * threads, 1, 1},
                      .threadgroup = {threads, 1, 1},
                      .arguments = arguments},
                     s);
}

mx::array turned(const mx::array& x, const mx::StreamOrDevice& s) {
  return mx::swapaxes(x, -1, -2, s);
}

/// In: a in float32. Out: U, S, Vt.
std::vector<mx::array> decompose(const mx::array& a, const mx::StreamOrDevice& s) {
  const int m = a.shape(-2), n = a.shape(-1);
  const bool is_wide = n > m;
  const auto matrices = mx::reshape(a, {-1, m, n}, s);
  auto out = run_jacobi(is_wide ? matrices : turned(matrices, s), false, s);
  mx::Shape left = a.shape(), middle(a.shape().begin(), a.shape().end() - 1), right = a.shape();
  const int k = std::min(m, n);
  left.back() = k, middle.back() = k, right[right.size() - 2] = k;
  const auto& u = is_wide ? out[2] : out[1];
  const auto& vt = is_wide ? out[1] : out[2];
  return {mx::reshape(turned(u, s), left, s), mx::reshape(out[0], middle, s),
          mx::reshape(vt, right, s)};
}

/// 1 / (x_j - x_i) off the diagonal, 0 on it, for (..., k).
mx::array inverse_gaps(const mx::array& x, const mx::StreamOrDevice& s) {
  const int k = x.shape(-1);
  const auto gaps = mx::subtract(mx::expand_dims(x, -2, s), mx::expand_dims(x, -1, s), s);
  const auto diagonal = mx::eye(k, s);
  const auto off = mx::subtract(mx::array(1.0F), diagonal, s);
  return mx::divide(off, mx::add(gaps, diagonal, s), s);
}

mx::array times(const mx::array& a, const mx::array& b, const mx::StreamOrDevice& s) {
  return mx::matmul(a, b, s);
}

/// Townsend 2016, equation for the thin decomposition.
mx::array differentiate_svd(const std::vector<mx::array>& outputs,
                            const std::vector<mx::array>& cotangents, const mx::StreamOrDevice& s) {
  const auto &u = outputs[0], &sigma = outputs[1], v = turned(outputs[2], s);
  const auto &gu = cotangents[0], &gs = cotangents[1], gv = turned(cotangents[2], s);
  const auto f = inverse_gaps(mx::square(sigma, s), s);
  const auto as_row = mx::expand_dims(sigma, -2, s), as_column = mx::expand_dims(sigma, -1, s);
  const auto skew = [&](const mx::array& x, const mx::array& gx) {
    const auto product = times(turned(x, s), gx, s);
    return mx::multiply(f, mx::subtract(product, turned(product, s), s), s);
  };
  const auto rest = [&](const mx::array& x,
                        const mx::array& gx) {  // what x doesn't span, over sigma
    const auto within = times(x, times(turned(x, s), gx, s), s);
    return mx::divide(mx::subtract(gx, within, s), as_row, s);
  };
  const auto diagonal = mx::multiply(mx::eye(sigma.shape(-1), s), mx::expand_dims(gs, -1, s), s);
  const auto inner = mx::add(
      mx::add(mx::multiply(skew(u, gu), as_row, s), mx::multiply(as_column, skew(v, gv), s), s),
      diagonal, s);
  auto ga = times(times(u, inner, s), turned(v, s), s);
  if (u.shape(-2) > sigma.shape(-1)) ga = mx::add(ga, times(rest(u, gu), turned(v, s), s), s);
  if (v.shape(-2) > sigma.shape(-1)) ga = mx::add(ga, times(u, turned(rest(v, gv), s), s), s);
  return ga;
}

/// In: a in float32, its lower triangle of a symmetric matrix. Out: W, V.
std::vector<mx::array> find_eigenvalues(const mx::array& a, const mx::StreamOrDevice& s) {
  const int n = a.shape(-1);
  auto out = run_jacobi(mx::reshape(a, {-1, n, n}, s), true, s);
  mx::Shape middle(a.shape().begin(), a.shape().end() - 1);
  return {mx::reshape(out[0], middle, s), mx::reshape(turned(out[2], s), a.shape(), s)};
}

mx::array differentiate_eigh(const std::vector<mx::array>& outputs,
                             const std::vector<mx::array>& cotangents,
                             const mx::StreamOrDevice& s) {
  const auto &w = outputs[0], &v = outputs[1];
  const auto diagonal =
      mx::multiply(mx::eye(w.shape(-1), s), mx::expand_dims(cotangents[0], -1, s), s);
  const auto off = mx::multiply(inverse_gaps(w, s), times(turned(v, s), cotangents[1], s), s);
  const auto ga = times(times(v, mx::add(diagonal, off, s), s), turned(v, s), s);
  // Only the lower triangle is read, and each element below the diagonal stands for two.
  const auto both = mx::multiply(mx::array(0.5F), mx::add(ga, turned(ga, s), s), s);
  return mx::add(mx::tril(both, 0, s), mx::tril(both, -1, s), s);
}

void need_moderate(const Argument& argument) {
  need_float(argument);
  need_matrices(argument);
  if (std::min(argument.value.shape(-1), argument.value.shape(-2)) > kMostColumns)
    refuse(argument, "at most 1024 rows or columns (subspace_svd takes larger ones)");
}

}  // namespace

std::tuple<mx::array, mx::array, mx::array> svd(const mx::array& a, mx::StreamOrDevice stream) {
  need_moderate({"svd", "a", a});
  if (a.size() == 0) {
    mx::Shape left = a.shape(), middle(a.shape().begin(), a.shape().end() - 1), right = a.shape();
    const int k = std::min(a.shape(-1), a.shape(-2));
    left.back() = k, middle.back() = k, right[right.size() - 2] = k;
    return {mx::zeros(left, mx::float32, stream), mx::zeros(middle, mx::float32, stream),
            mx::zeros(right, mx::float32, stream)};
  }
  const auto call = mx::custom_vjp(
      [stream](const std::vector<mx::array>& in) { return decompose(in[0], stream); },
      [stream](const std::vector<mx::array>&, const std::vector<mx::array>& cotangents,
               const std::vector<mx::array>& outputs) {
        return std::vector{differentiate_svd(outputs, cotangents, stream)};
      });
  const auto out = call({mx::astype(a, mx::float32, stream)});
  return {out[0], out[1], out[2]};
}

std::pair<mx::array, mx::array> eigh(const mx::array& a, mx::StreamOrDevice stream) {
  need_square({"eigh", "a", a});
  need_moderate({"eigh", "a", a});
  if (a.size() == 0) {
    const mx::Shape middle(a.shape().begin(), a.shape().end() - 1);
    return {mx::zeros(middle, mx::float32, stream), mx::zeros(a.shape(), mx::float32, stream)};
  }
  const auto call = mx::custom_vjp(
      [stream](const std::vector<mx::array>& in) { return find_eigenvalues(in[0], stream); },
      [stream](const std::vector<mx::array>&, const std::vector<mx::array>& cotangents,
               const std::vector<mx::array>& outputs) {
        return std::vector{differentiate_eigh(outputs, cotangents, stream)};
      });
  const auto out = call({mx::astype(a, mx::float32, stream)});
  return {out[0], out[1]};
}

}  // namespace anymetal::kernels
