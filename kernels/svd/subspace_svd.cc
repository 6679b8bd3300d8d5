// The leading singular values of large matrices: subspace iteration, whose two products and qr are
// this library's.
#include <cmath>
#include <stdexcept>
#include <vector>

#include "anymetal_kernels/gemm.h"
#include "anymetal_kernels/qr.h"
#include "anymetal_kernels/svd.h"
#include "kernel/arguments.h"

namespace anymetal::kernels {
namespace {

constexpr std::string_view kName = "subspace_svd";
constexpr int kMostColumns = 1024;

struct Iteration {
  mx::array a;
  int rank, bands;
  std::vector<mx::Stream> streams;  ///< one for each band but the first
  mx::StreamOrDevice stream;

  [[nodiscard]] mx::array times(const mx::array& x, const mx::array& y) const {
    return gemm(x, y, {}, stream);
  }
  [[nodiscard]] mx::array turned_times(const mx::array& x, const mx::array& y) const {
    return gemm(x, y, {.transpose_a = true}, stream);
  }
};

mx::array columns_of(const mx::array& x, int first, int last, const mx::StreamOrDevice& stream) {
  return mx::slice(x, {0, first}, {x.shape(0), last}, stream);
}

/// Z = A^T B, a band of A's columns, which are Z's rows, at a time.
mx::array step_z(const mx::array& b, const Iteration& at) {
  if (at.bands == 1) return at.turned_times(at.a, b);
  const int n = at.a.shape(1);
  std::vector<mx::array> parts;
  for (int band = 0; band < at.bands; ++band) {
    const int first = static_cast<int>(int64_t{n} * band / at.bands);
    const int last = static_cast<int>(int64_t{n} * (band + 1) / at.bands);
    const mx::StreamOrDevice own = band == 0 ? at.stream : mx::StreamOrDevice(at.streams[band - 1]);
    parts.push_back(gemm(columns_of(at.a, first, last, own), b, {.transpose_a = true}, own));
  }
  return mx::concatenate(parts, 0, at.stream);
}

/// The largest of |A^T A v - v theta| over the leading Ritz vectors v = V w, relative to the
/// largest theta; z = A^T A V.
float residual_of(const mx::array& v, const mx::array& z, const Iteration& at) {
  const auto [theta, w] = eigh(at.turned_times(v, z), at.stream);
  const int columns = v.shape(1), first = columns - at.rank;  // eigenvalues ascend
  const auto leading = columns_of(w, first, columns, at.stream);
  const auto values = mx::slice(theta, {first}, {columns}, at.stream);
  const auto rest = mx::subtract(at.times(z, leading),
                                 mx::multiply(at.times(v, leading), values, at.stream), at.stream);
  const auto lengths =
      mx::sqrt(mx::sum(mx::square(rest, at.stream), 0, false, at.stream), at.stream);
  auto relative = mx::divide(mx::max(lengths, at.stream), mx::max(values, at.stream), at.stream);
  return relative.item<float>();
}

void check(const mx::array& a, int rank, const SubspaceOptions& options) {
  need_float32({kName, "a", a});
  need_rank({kName, "a", a}, 2, 2);
  need_matrices({kName, "a", a});
  const int most = std::min(a.shape(0), a.shape(1));
  const auto need = [](bool is_right, const char* name, int value, const std::string& wanted) {
    if (!is_right) refuse(kName, name, std::to_string(value), wanted);
  };
  need(rank >= 1 && rank <= most, "rank", rank,
       "1 to " + std::to_string(most) + " for this matrix");
  need(options.oversample >= 0, "oversample", options.oversample, "0 or more");
  need(rank <= kMostColumns, "rank", rank, "at most 1024");
  need(options.iterations >= 1, "iterations", options.iterations, "1 or more");
  need(options.bands >= 1 && options.bands <= a.shape(1), "bands", options.bands,
       "1 to " + std::to_string(a.shape(1)) + ", the columns of a");
  if (!(options.tolerance > 0))
    refuse(kName, "tolerance", std::to_string(options.tolerance), "a number greater than 0");
}

/// An orthonormal basis of the subspace, converged.
mx::array iterate(const Iteration& at, int columns, const SubspaceOptions& options) {
  const auto key = mx::random::key(options.seed);
  const auto first = mx::random::normal({at.a.shape(1), columns}, mx::float32, key, at.stream);
  mx::array v = qr(first, {}, at.stream).first;
  float residual = 0;
  for (int turn = 0; turn < options.iterations; ++turn) {
    const auto z = step_z(at.times(at.a, v), at);
    residual = residual_of(v, z, at);
    if (residual <= options.tolerance) return v;
    if (!std::isfinite(residual)) return v;  // NaN in, NaN out; or a matrix of zeros
    v = qr(z, {}, at.stream).first;
  }
  throw std::runtime_error("[anymetal.kernels.subspace_svd] no convergence in " +
                           std::to_string(options.iterations) + " iterations: the residual is " +
                           std::to_string(residual) +
                           ". More iterations, a larger oversample or a "
                           "larger tolerance may help.");
}

/// U, S, Vt.
std::vector<mx::array> decompose(const Iteration& at, const SubspaceOptions& options) {
  const int most = std::min({at.a.shape(0), at.a.shape(1), kMostColumns});
  const auto v = iterate(at, std::min(at.rank + options.oversample, most), options);
  const auto [q, r] = qr(at.times(at.a, v), {}, at.stream);
  const auto [u, s, wt] = svd(r, at.stream);
  const auto leading = mx::slice(wt, {0, 0}, {at.rank, wt.shape(1)}, at.stream);
  return {at.times(q, columns_of(u, 0, at.rank, at.stream)),
          mx::slice(s, {0}, {at.rank}, at.stream),
          gemm(leading, v, {.transpose_b = true}, at.stream)};
}

}  // namespace

std::tuple<mx::array, mx::array, mx::array> subspace_svd(const mx::array& a, int rank,
                                                         const SubspaceOptions& options,
                                                         mx::StreamOrDevice stream) {
  check(a, rank, options);
  std::vector<mx::Stream> streams;
  const auto device = mx::to_stream(stream).device;
  for (int band = 1; band < options.bands; ++band) streams.push_back(mx::new_stream(device));
  const auto call = mx::custom_vjp(
      [&](const std::vector<mx::array>& in) {
        return decompose({in[0], rank, options.bands, streams, stream}, options);
      },
      [](const std::vector<mx::array>&, const std::vector<mx::array>&,
         const std::vector<mx::array>&) -> std::vector<mx::array> {
        throw std::invalid_argument(
            "[anymetal.kernels.subspace_svd] isn't differentiable; svd is, for matrices of up to "
            "1024 rows or columns.");
      });
  const auto out = call({a});
  return {out[0], out[1], out[2]};
}

}  // namespace anymetal::kernels
