// Householder's QR in panels of 64 columns. What comes in: matrices of any shape. What goes out: Q
// and R. A panel is factored by one threadgroup (qr_panel); what it means for the columns to its
// right, and for Q, are products of matrices: nearly all work is in these.
//
//   W <- (I - V T V^T)^T W:   Y = V^T W, Z = T^T Y, W - V Z
//   Q <- (I - V T V^T) Q:     from the last panel back, with the identity in front of what there is
//   of Q
#include "anymetal_kernels/qr.h"

#include "anymetal_kernels/solve_triangular.h"
#include "gemm/gemm_launch.h"
#include "kernel/arguments.h"
#include "kernel/device_kind.h"
#include "qr/gram_schmidt.h"

namespace anymetal::kernels {
namespace {

constexpr int kPanel = 64;       // columns of a panel
constexpr int kMostGroups = 32;  // simdgroups of a threadgroup

uint32_t word(int value) {
  return static_cast<uint32_t>(value);
}

struct Panel {
  mx::array v, t, r;  ///< [batch, n, m], transposed; [batch, n, n] both
  int first, m, n;
};

Panel factor_panel(const Operand& a, int first, int m, int n, int batch,
                   const mx::StreamOrDevice& stream) {
  // A GPU has the whole threadgroup at once. A processor runs simdgroups one after another, and
  // between barriers again from the first: one alone, which goes from column to column, takes a
  // third of the time.
  int groups = 1;
  while (!runs_on_processor() && groups < n && groups < kMostGroups) groups *= 2;
  auto made = call_kernel("qr_panel",
                          {.inputs = {a.array, numbers({word(m), word(n), word(a.row_length),
                                                        word(a.offset), word(a.batch_step)})},
                           .shapes = {{batch, n, m}, {batch, n, n}, {batch, n, n}},
                           .dtypes = {mx::float32, mx::float32, mx::float32},
                           .grid = {groups * 32, 1, batch},
                           .threadgroup = {groups * 32, 1, 1}},
                          stream);
  return {made[0], made[1], made[2], first, m, n};
}

/// op(T) Y, where the first `from_v` columns of Y are V^T's.
mx::array coefficients(const Panel& panel, const mx::array& y, int columns, int from_v,
                       bool transposed, int batch, const mx::StreamOrDevice& stream) {
  constexpr int kThreads = 128;
  return call_kernel("qr_coefficients",
                     {.inputs = {panel.t, panel.v, y,
                                 numbers({word(panel.n), word(columns), word(from_v), word(panel.m),
                                          word(panel.n * panel.m)})},
                      .shapes = {{batch, panel.n, columns}},
                      .dtypes = {mx::float32},
                      .grid = {round_up(columns, kThreads), 1, batch},
                      .threadgroup = {kThreads, 1, 1},
                      .arguments = {{"TRANSPOSED", transposed}, {"N", panel.n <= 32 ? 32 : 64}}},
                     stream)[0];
}

mx::array band_of(const Panel& panel, const mx::array& w, int columns, int batch,
                  const mx::StreamOrDevice& stream) {
  return call_kernel("qr_band",
                     {.inputs = {panel.r, w,
                                 numbers({word(panel.n), word(panel.n), word(panel.first),
                                          word(columns), word(panel.m)})},
                      .shapes = {{batch, panel.n, columns}},
                      .dtypes = {mx::float32},
                      .grid = {round_up(columns, 64), panel.n, batch},
                      .threadgroup = {64, 1, 1}},
                     stream)[0];
}

struct Factored {
  std::vector<Panel> panels;
  mx::array r;  ///< [batch, k, n]
};

Factored factor(const mx::array& a, int m, int n, int batch, const mx::StreamOrDevice& stream) {
  std::vector<Panel> panels;
  std::vector<mx::array> bands;
  Operand rest = whole(a);
  const int k = std::min(m, n);
  for (int first = 0; first < k; first += kPanel) {
    const int columns = std::min(kPanel, k - first), after = n - first - columns;
    panels.push_back(factor_panel(rest, first, m - first, columns, batch, stream));
    const auto& panel = panels.back();
    if (after == 0 && first == 0) return {std::move(panels), panel.r};
    if (after == 0) {
      bands.push_back(band_of(panel, panel.r, n, batch, stream));
      break;
    }
    Operand right = rest;
    right.offset += columns;
    const Product to_y{.m = columns, .n = after, .k = panel.m, .batch = batch};
    const auto y =
        multiply(whole(panel.v), right, to_y, gemm_tile(columns, after, panel.m), stream);
    const auto z = coefficients(panel, y, after, 0, true, batch, stream);
    const auto w = subtract_product(
        right, whole(panel.v), whole(z),
        {.m = panel.m, .n = after, .k = columns, .batch = batch, .options = {true, false}}, stream);
    bands.push_back(band_of(panel, w, n, batch, stream));
    rest = whole(w);
    rest.offset = columns * after;
  }
  return {std::move(panels), mx::concatenate(bands, 1, stream)};
}

/// Q from the panels, the last one first: [batch, m, columns].
mx::array assemble(const std::vector<Panel>& panels, int m, int columns, int batch,
                   const mx::StreamOrDevice& stream) {
  std::optional<mx::array> q;
  const int beyond = columns - panels.back().first - panels.back().n;
  if (beyond > 0)
    q = mx::broadcast_to(mx::eye(beyond, beyond, 0, mx::float32, stream), {batch, beyond, beyond},
                         stream);
  if (q && batch > 1) q = mx::contiguous(*q, false, stream);
  for (auto panel = panels.rbegin(); panel != panels.rend(); ++panel) {
    const int known = q ? q->shape(2) : 0, all = panel->n + known;
    mx::array y = panel->t;
    if (q) {
      Operand v = whole(panel->v);
      v.offset = panel->n;
      const Product to_y{.m = panel->n, .n = known, .k = panel->m - panel->n, .batch = batch};
      y = multiply(v, whole(*q), to_y, gemm_tile(to_y.m, to_y.n, to_y.k), stream);
    }
    const auto z = coefficients(*panel, y, all, panel->n, false, batch, stream);
    q = subtract_product(q ? whole(*q) : whole(panel->v), whole(panel->v), whole(z),
                         {.m = panel->m,
                          .n = all,
                          .k = panel->n,
                          .batch = batch,
                          .options = {true, false},
                          .identity = panel->n},
                         stream);
  }
  return *q;
}

mx::Shape with_matrix(const mx::array& a, int m, int n) {
  mx::Shape shape(a.shape().begin(), a.shape().end() - 2);
  shape.push_back(m);
  shape.push_back(n);
  return shape;
}

std::vector<mx::array> householder(const mx::array& a, bool complete,
                                   const mx::StreamOrDevice& stream) {
  const int m = a.shape(-2), n = a.shape(-1);
  const auto batch = static_cast<int>(a.size() / (int64_t{m} * n));
  auto [panels, r] = factor(a, m, n, batch, stream);
  const int k = std::min(m, n), columns = complete ? m : k;
  const auto q = assemble(panels, m, columns, batch, stream);
  if (columns > k)
    r = mx::concatenate({r, mx::zeros({batch, columns - k, n}, mx::float32, stream)}, 1, stream);
  return {mx::reshape(q, with_matrix(a, m, columns), stream),
          mx::reshape(r, with_matrix(a, columns, n), stream)};
}

std::vector<mx::array> gram_schmidt_batch(const mx::array& a, const mx::StreamOrDevice& stream) {
  const int m = a.shape(-2), n = a.shape(-1);
  const auto batch = static_cast<int>(a.size() / (int64_t{m} * n));
  const auto flat = mx::reshape(a, {batch, m, n}, stream);
  std::vector<mx::array> qs, rs;
  for (int i = 0; i < batch; ++i) {
    const auto one = mx::reshape(mx::slice(flat, {i, 0, 0}, {i + 1, m, n}, stream), {m, n}, stream);
    auto [q, r] = gram_schmidt(one, stream);
    qs.push_back(q);
    rs.push_back(r);
  }
  return {mx::reshape(mx::stack(qs, 0, stream), a.shape(), stream),
          mx::reshape(mx::stack(rs, 0, stream), with_matrix(a, n, n), stream)};
}

/// For m >= n: (G_Q + Q copy(M)) R^-T with M = R G_R^T - G_Q^T Q, copy(M) its lower half on both
/// sides.
mx::array backward_tall(const mx::array& q, const mx::array& r, const mx::array& of_q,
                        const mx::array& of_r, const mx::StreamOrDevice& stream) {
  const auto flip = [&](const mx::array& x) { return mx::swapaxes(x, -1, -2, stream); };
  const auto m = mx::subtract(gemm(r, of_r, {false, true}, stream),
                              gemm(of_q, q, {true, false}, stream), stream);
  const auto both = mx::add(mx::tril(m, 0, stream), flip(mx::tril(m, -1, stream)), stream);
  const auto sum = mx::add(of_q, gemm(q, both, {}, stream), stream);
  return flip(solve_triangular(r, flip(sum), {.upper = true}, stream));
}

std::vector<mx::array> backward(const mx::array& a, const std::vector<mx::array>& outputs,
                                const std::vector<mx::array>& cotangents, bool complete,
                                const mx::StreamOrDevice& stream) {
  const int m = a.shape(-2), n = a.shape(-1);
  if (complete && m > n)
    throw std::invalid_argument(
        "[anymetal.kernels.qr] The columns that complete Q aren't differentiable: ask for "
        "complete=False.");
  const auto &q = outputs[0], &r = outputs[1];
  const auto& of_q = cotangents[0];
  const auto of_r = mx::triu(cotangents[1], 0, stream);
  if (m >= n) return {backward_tall(q, r, of_q, of_r, stream)};
  // a = [x y]: R's right part is Q^T y.
  const auto columns = [&](const mx::array& whole_array, int from, int to) {
    mx::Shape begin(whole_array.ndim(), 0), end = whole_array.shape();
    begin.back() = from;
    end.back() = to;
    return mx::slice(whole_array, begin, end, stream);
  };
  const auto right = columns(of_r, m, n);
  const auto of_y = gemm(q, right, {}, stream);
  const auto more = gemm(columns(a, m, n), right, {false, true}, stream);
  const auto of_x =
      backward_tall(q, columns(r, 0, m), mx::add(of_q, more, stream), columns(of_r, 0, m), stream);
  return {mx::concatenate({of_x, of_y}, -1, stream)};
}

/// What there is without any launch: matrices without rows or columns.
std::pair<mx::array, mx::array> empty(const mx::array& a, bool complete,
                                      const mx::StreamOrDevice& stream) {
  const int m = a.shape(-2), n = a.shape(-1), columns = complete ? m : std::min(m, n);
  const auto identity = mx::eye(m, columns, 0, mx::float32, stream);
  return {mx::broadcast_to(identity, with_matrix(a, m, columns), stream),
          mx::zeros(with_matrix(a, columns, n), mx::float32, stream)};
}

}  // namespace

std::pair<mx::array, mx::array> qr(const mx::array& a, QrOptions options,
                                   mx::StreamOrDevice stream) {
  const Argument argument{"qr", "a", a};
  need_float32(argument);
  need_matrices(argument);
  const bool complete = options.complete;
  const bool by_columns = options.method == QrMethod::gram_schmidt;
  if (by_columns && a.shape(-2) < a.shape(-1))
    refuse(argument, "no more columns than rows, for gram_schmidt,");
  if (by_columns && complete && a.shape(-2) > a.shape(-1))
    refuse(argument, "householder, for a complete Q of a tall matrix,");
  if (complete && int64_t{a.shape(-2)} * a.shape(-2) > INT32_MAX)
    refuse(argument, "a Q of fewer than 2^31 elements");
  if (a.size() == 0) return empty(a, complete, stream);
  const auto call = mx::custom_vjp(
      [complete, by_columns, stream](const std::vector<mx::array>& inputs) {
        return by_columns ? gram_schmidt_batch(inputs[0], stream)
                          : householder(inputs[0], complete, stream);
      },
      [complete, stream](const std::vector<mx::array>& inputs,
                         const std::vector<mx::array>& cotangents,
                         const std::vector<mx::array>& outputs) {
        return backward(inputs[0], outputs, cotangents, complete, stream);
      });
  auto made = call({a});
  return {made[0], made[1]};
}

}  // namespace anymetal::kernels
