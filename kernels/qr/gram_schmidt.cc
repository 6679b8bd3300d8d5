// Modified Gram-Schmidt by blocks of 32 columns: a column is projected on one block of finished
// columns after the other (qr_col_dot) and gets rid of that at once (qr_update_vec), twice over,
// since twice is enough ("Kahan and Parlett", in Parlett, "The Symmetric Eigenvalue Problem", 6.9).
// Each launch is small: this is for narrow matrices, for reading, and for what the guides do;
// Householder's is the fast one.
#include "qr/gram_schmidt.h"

#include "anymetal_kernels/qr.h"
#include "kernel/arguments.h"

namespace anymetal::kernels {
namespace {

constexpr int kBlock = 32;

uint32_t word(int value) {
  return static_cast<uint32_t>(value);
}

struct Column {
  mx::array direction, size, coefficients;
};

Column orthogonalise(const mx::array& column, const std::vector<mx::array>& blocks,
                     const mx::StreamOrDevice& stream) {
  mx::array v = column;
  std::optional<mx::array> all;
  for (int round = 0; round < 2; ++round) {
    std::vector<mx::array> parts;
    for (const auto& block : blocks) {
      parts.push_back(qr_col_dot(block, v, stream));
      v = qr_update_vec(block, v, parts.back(), stream);
    }
    if (parts.empty()) break;
    const auto found = mx::concatenate(parts, 0, stream);
    all = all ? mx::add(*all, found, stream) : found;
  }
  const int m = column.shape(0);
  auto made = call_kernel("qr_normalize",
                          {.inputs = {v, column, numbers({word(m)})},
                           .shapes = {{m}, {1}},
                           .dtypes = {mx::float32, mx::float32},
                           .grid = {256, 1, 1},
                           .threadgroup = {256, 1, 1}},
                          stream);
  return {made[0], made[1], all ? *all : mx::zeros({0}, mx::float32, stream)};
}

}  // namespace

std::pair<mx::array, mx::array> gram_schmidt(const mx::array& a, const mx::StreamOrDevice& stream) {
  const int m = a.shape(0), n = a.shape(1);
  std::vector<mx::array> blocks, columns_of_r;
  for (int j = 0; j < n; ++j) {
    const auto column = mx::reshape(mx::slice(a, {0, j}, {m, j + 1}, stream), {m}, stream);
    const auto made = orthogonalise(column, blocks, stream);
    const auto direction = mx::reshape(made.direction, {m, 1}, stream);
    if (j % kBlock == 0) {
      blocks.push_back(direction);
    } else {
      blocks.back() = mx::concatenate({blocks.back(), direction}, 1, stream);
    }
    columns_of_r.push_back(mx::concatenate(
        {made.coefficients, made.size, mx::zeros({n - j - 1}, mx::float32, stream)}, 0, stream));
  }
  return {mx::concatenate(blocks, 1, stream), mx::stack(columns_of_r, 1, stream)};
}

mx::array qr_col_dot(const mx::array& q, const mx::array& v, mx::StreamOrDevice stream) {
  const Argument first{"qr_col_dot", "q", q}, second{"qr_col_dot", "v", v};
  need_float(first);
  need_same_dtype(second, first);
  need_rank(first, 2, 2);
  need_matrices(first);
  if (v.ndim() != 1 || v.shape(0) != q.shape(0))
    refuse(second, "a vector of " + std::to_string(q.shape(0)) + " elements, the rows of q,");
  const int m = q.shape(0), k = q.shape(1);
  if (q.size() == 0) return mx::zeros({k}, q.dtype(), stream);
  constexpr int kThreads = 64;
  return call_kernel("qr_col_dot",
                     {.inputs = {q, v, numbers({word(m), word(k)})},
                      .shapes = {{k}},
                      .dtypes = {q.dtype()},
                      .grid = {round_up(k, kThreads), 1, 1},
                      .threadgroup = {kThreads, 1, 1},
                      .arguments = {{"T", q.dtype()}}},
                     stream)[0];
}

mx::array qr_update_vec(const mx::array& q, const mx::array& v, const mx::array& c,
                        mx::StreamOrDevice stream) {
  const Argument first{"qr_update_vec", "q", q}, second{"qr_update_vec", "v", v},
      third{"qr_update_vec", "c", c};
  need_float(first);
  need_same_dtype(second, first);
  need_same_dtype(third, first);
  need_rank(first, 2, 2);
  need_matrices(first);
  if (v.ndim() != 1 || v.shape(0) != q.shape(0))
    refuse(second, "a vector of " + std::to_string(q.shape(0)) + " elements, the rows of q,");
  if (c.ndim() != 1 || c.shape(0) != q.shape(1))
    refuse(third, "a vector of " + std::to_string(q.shape(1)) + " elements, the columns of q,");
  const int m = q.shape(0), k = q.shape(1);
  if (q.size() == 0) return v;
  constexpr int kThreads = 64;
  return call_kernel("qr_update_vec",
                     {.inputs = {q, v, c, numbers({word(m), word(k)})},
                      .shapes = {{m}},
                      .dtypes = {q.dtype()},
                      .grid = {round_up(m, kThreads), 1, 1},
                      .threadgroup = {kThreads, 1, 1},
                      .arguments = {{"T", q.dtype()}}},
                     stream)[0];
}

}  // namespace anymetal::kernels
