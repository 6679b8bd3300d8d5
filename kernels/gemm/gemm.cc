// Products in tiles. What comes in: two arrays of matrices, batches that may differ. What goes out:
// one launch of gemm.metal, after a transposition where B is stored the other way and large: its
// rows then pass through the tiles as they lie in memory.
#include "anymetal_kernels/gemm.h"

#include <numeric>

#include "gemm/gemm_launch.h"
#include "kernel/arguments.h"

namespace anymetal::kernels {
namespace {

/// The product of all but the last two dimensions.
int batch_of(const mx::array& array) {
  int count = 1;
  for (size_t i = 0; i + 2 < array.ndim(); ++i) count *= array.shape()[i];
  return count;
}

mx::Shape batch_shape(const mx::array& array) {
  return {array.shape().begin(), array.shape().end() - 2};
}

mx::Shape with_matrix(mx::Shape batch, int m, int n) {
  batch.push_back(m);
  batch.push_back(n);
  return batch;
}

/// The batch that both have after broadcasting.
mx::Shape broadcast(const mx::array& a, const mx::array& b) {
  const auto first = batch_shape(a), second = batch_shape(b);
  mx::Shape result(std::max(first.size(), second.size()), 1);
  for (size_t i = 0; i < result.size(); ++i) {
    const int x = i < first.size() ? first[first.size() - 1 - i] : 1;
    const int y = i < second.size() ? second[second.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1)
      refuse("gemm", "a and b", describe(a) + " and " + describe(b), "batches that broadcast");
    result[result.size() - 1 - i] = x == 1 ? y : x;
  }
  return result;
}

/// One matrix for all, or as many as there are.
Operand operand_of(const mx::array& array, const mx::Shape& batch,
                   const mx::StreamOrDevice& stream) {
  if (batch_of(array) == 1 || batch_shape(array) == batch) return whole(array);
  return whole(mx::contiguous(
      mx::broadcast_to(array, with_matrix(batch, array.shape(-2), array.shape(-1)), stream), false,
      stream));
}

mx::array forward(const mx::array& a, const mx::array& b, GemmOptions options,
                  const mx::StreamOrDevice& stream) {
  constexpr int kWorthTransposing = 128;  // rows that share a transposed tile
  const int m = a.shape(options.transpose_a ? -1 : -2), k = a.shape(options.transpose_a ? -2 : -1);
  const int n = b.shape(options.transpose_b ? -2 : -1);
  const auto batch = broadcast(a, b);
  const auto shape = with_matrix(batch, m, n);
  const int count = std::accumulate(batch.begin(), batch.end(), 1, std::multiplies<>());
  if (int64_t{count} * m * n == 0 || k == 0) return mx::zeros(shape, a.dtype(), stream);
  if (options.transpose_b && m >= kWorthTransposing)
    return forward(a, transposed(b, stream), {options.transpose_a, false}, stream);
  const auto made = multiply(operand_of(a, batch, stream), operand_of(b, batch, stream),
                             {.m = m, .n = n, .k = k, .batch = count, .options = options},
                             gemm_tile(m, n, k, options), stream);
  return mx::reshape(made, shape, stream);
}

/// Sums over the dimensions in which an operand was broadcast.
mx::array reduced_to(const mx::array& gradient, const mx::array& operand,
                     const mx::StreamOrDevice& stream) {
  mx::array result = gradient;
  while (result.ndim() > operand.ndim()) result = mx::sum(result, 0, false, stream);
  for (int i = 0; i + 2 < static_cast<int>(operand.ndim()); ++i) {
    if (result.shape(i) != operand.shape(i)) result = mx::sum(result, i, true, stream);
  }
  return result;
}

std::vector<mx::array> backward(const mx::array& a, const mx::array& b, const mx::array& cotangent,
                                GemmOptions options, const mx::StreamOrDevice& stream) {
  const bool ta = options.transpose_a, tb = options.transpose_b;
  // With C = op(A) op(B): the slope of op(A) is G op(B)^T, that of op(B) is op(A)^T G.
  const auto of_a =
      ta ? gemm(b, cotangent, {tb, true}, stream) : gemm(cotangent, b, {false, !tb}, stream);
  const auto of_b =
      tb ? gemm(cotangent, a, {true, ta}, stream) : gemm(a, cotangent, {!ta, false}, stream);
  return {reduced_to(of_a, a, stream), reduced_to(of_b, b, stream)};
}

void check(const mx::array& a, const mx::array& b, GemmOptions options) {
  const Argument first{"gemm", "a", a}, second{"gemm", "b", b};
  need_float(first);
  need_float(second);
  need_same_dtype(second, first);
  need_matrices(first);
  need_matrices(second);
  const int k = a.shape(options.transpose_a ? -2 : -1);
  const int other = b.shape(options.transpose_b ? -1 : -2);
  if (k != other) {
    refuse(second, "an inner size of " + std::to_string(k) + ", that of a, " + describe(a) + ",");
  }
  const int64_t m = a.shape(options.transpose_a ? -1 : -2);
  if (m * b.shape(options.transpose_b ? -2 : -1) > INT32_MAX)
    refuse("gemm", "a and b", describe(a) + " and " + describe(b),
           "a product of fewer than 2^31 elements");
}

}  // namespace

Operand whole(const mx::array& array) {
  const int rows = array.shape(-2), columns = array.shape(-1);
  return {array, columns, 0, batch_of(array) == 1 ? 0 : rows * columns};
}

namespace {

mx::array launch(const Operand& d, const Operand& a, const Operand& b, const Product& product,
                 const GemmTile& tile, int subtracts, const mx::StreamOrDevice& stream) {
  const auto word = [](int value) { return static_cast<uint32_t>(value); };
  const auto shape = numbers({word(product.m), word(product.n), word(product.k), word(a.row_length),
                              word(b.row_length), word(d.row_length), word(a.offset),
                              word(b.offset), word(d.offset), word(a.batch_step),
                              word(b.batch_step), word(d.batch_step), word(product.identity)});
  const int tile_rows = tile.threads_y * tile.rows, tile_columns = tile.threads_x * tile.columns;
  const int groups_x = (product.n + tile_columns - 1) / tile_columns;
  const int groups_y = (product.m + tile_rows - 1) / tile_rows;
  return call_kernel("gemm",
                     {.inputs = {a.array, b.array, d.array, shape},
                      .shapes = {{product.batch, product.m, product.n}},
                      .dtypes = {a.array.dtype()},
                      .grid = {groups_x * tile.threads_x, groups_y * tile.threads_y, product.batch},
                      .threadgroup = {tile.threads_x, tile.threads_y, 1},
                      .arguments = {{"T", a.array.dtype()},
                                    {"TX", tile.threads_x},
                                    {"TY", tile.threads_y},
                                    {"RM", tile.rows},
                                    {"RN", tile.columns},
                                    {"TK", tile.depth},
                                    {"NB", tile.buffers},
                                    {"TA", product.options.transpose_a},
                                    {"TB", product.options.transpose_b},
                                    {"SUBTRACT", subtracts},
                                    {"UPPER", product.is_upper}}},
                     stream)[0];
}

}  // namespace

mx::array multiply(const Operand& a, const Operand& b, const Product& product, const GemmTile& tile,
                   const mx::StreamOrDevice& stream) {
  return launch(a, a, b, product, tile, 0, stream);
}

mx::array subtract_product(const Operand& d, const Operand& a, const Operand& b,
                           const Product& product, const mx::StreamOrDevice& stream) {
  const auto& tile = gemm_tile(product.m, product.n, product.k, product.options);
  return launch(d, a, b, product, tile, product.identity ? 2 : 1, stream);
}

mx::array transposed(const mx::array& array, const mx::StreamOrDevice& stream) {
  const int m = array.shape(-2), n = array.shape(-1);
  if (array.size() == 0 || m == 1 || n == 1)
    return mx::reshape(array, with_matrix(batch_shape(array), n, m), stream);
  return call_kernel(
      "transpose",
      {.inputs = {array, numbers({static_cast<uint32_t>(m), static_cast<uint32_t>(n)})},
       .shapes = {with_matrix(batch_shape(array), n, m)},
       .dtypes = {array.dtype()},
       .grid = {round_up(n, 32), round_up(m, 32) / 4, batch_of(array)},
       .threadgroup = {32, 8, 1},
       .arguments = {{"T", array.dtype()}}},
      stream)[0];
}

mx::array gemm(const mx::array& a, const mx::array& b, GemmOptions options,
               mx::StreamOrDevice stream) {
  check(a, b, options);
  const auto call = mx::custom_vjp(
      [options, stream](const std::vector<mx::array>& inputs) {
        return std::vector{forward(inputs[0], inputs[1], options, stream)};
      },
      [options, stream](const std::vector<mx::array>& inputs,
                        const std::vector<mx::array>& cotangents, const std::vector<mx::array>&) {
        return backward(inputs[0], inputs[1], cotangents[0], options, stream);
      });
  return call({a, b})[0];
}

}  // namespace anymetal::kernels
