// Cholesky in blocks of 64 rows, upper factors: rows are contiguous then in every step. What comes
// in: symmetric matrices. What goes out: U, or its transposed, and for each matrix which leading
// minor isn't positive. Three launches a block: the diagonal block in one threadgroup, the band
// beside it, and the rest less the band's product with itself, of which only the tiles above the
// diagonal are made.
#include "anymetal_kernels/cholesky.h"

#include "kernel/arguments.h"
#include "solve_triangular/triangular_launch.h"

namespace anymetal::kernels {
namespace {

uint32_t word(int value) {
  return static_cast<uint32_t>(value);
}

/// U and state of a diagonal block.
std::pair<mx::array, mx::array> factor_block(const Operand& a, const mx::array& state, int n,
                                             int before, int batch, bool lower,
                                             const mx::StreamOrDevice& stream) {
  auto made = call_kernel("cholesky_block",
                          {.inputs = {a.array, state,
                                      numbers({word(n), word(a.row_length), word(a.offset),
                                               word(a.batch_step), word(before)})},
                           .shapes = {{batch, n, n}, {batch}},
                           .dtypes = {mx::float32, mx::int32},
                           .grid = {kTriangle, 1, batch},
                           .threadgroup = {kTriangle, 1, 1},
                           .arguments = {{"LOWER", lower}}},
                          stream);
  return {made[0], made[1]};
}

/// The state before any block.
mx::array nothing_found(int batch) {
  const std::vector<int> zeros(batch, 0);
  return mx::array(zeros.data(), {batch}, mx::int32);
}

/// The upper factors [batch, n, n] and the states [batch].
std::pair<mx::array, mx::array> factor(const mx::array& a, int n, int batch,
                                       const mx::StreamOrDevice& stream) {
  mx::array state = nothing_found(batch);
  std::vector<mx::array> bands;
  Operand rest = whole(a);
  for (int row = 0; row < n; row += kTriangle) {
    const int rows = std::min(kTriangle, n - row), after = n - row - rows;
    auto [block, next] = factor_block(rest, state, rows, row, batch, false, stream);
    state = next;
    Operand beside = rest, corner = rest;
    beside.offset += after > 0 ? rows : 0;
    corner.offset += rows * rest.row_length + rows;
    bands.push_back(solve_band(block, beside, rows, after, n, batch, stream));
    if (after == 0) break;
    const Operand band{bands.back(), n, row + rows, batch == 1 ? 0 : rows * n};
    rest = whole(subtract_product(corner, band, band,
                                  {.m = after,
                                   .n = after,
                                   .k = rows,
                                   .batch = batch,
                                   .options = {true, false},
                                   .is_upper = true},
                                  stream));
  }
  return {mx::concatenate(bands, 1, stream), state};
}

std::vector<mx::array> forward(const mx::array& a, bool upper, const mx::StreamOrDevice& stream) {
  const int n = a.shape(-1);
  const auto batch = static_cast<int>(a.size() / (int64_t{n} * n));
  if (n <= kTriangle) {
    auto [block, found] = factor_block(whole(a), nothing_found(batch), n, 0, batch, !upper, stream);
    return {mx::reshape(block, a.shape(), stream), found};
  }
  auto [made, state] = factor(upper ? a : transposed(a, stream), n, batch, stream);
  if (!upper) made = transposed(made, stream);
  return {mx::reshape(made, a.shape(), stream), state};
}

/// Murray, "Differentiation of the Cholesky decomposition" (arXiv:1602.07527), equation 10: with L
/// and its cotangent G, P = the lower half of L^T G with its diagonal halved, the slope is L^-T (P
/// + P^T) L^-1 / 2.
mx::array backward(const mx::array& factor, const mx::array& cotangent, bool upper,
                   const mx::StreamOrDevice& stream) {
  const auto flip = [&](const mx::array& x) { return mx::swapaxes(x, -1, -2, stream); };
  const auto lower = upper ? flip(factor) : factor;
  const auto g = mx::tril(upper ? flip(cotangent) : cotangent, 0, stream);
  auto half = mx::tril(gemm(lower, g, {true, false}, stream), 0, stream);
  const auto identity = mx::eye(factor.shape(-1), factor.shape(-1), 0, mx::float32, stream);
  half = mx::subtract(
      half, mx::multiply(half, mx::multiply(identity, mx::array(0.5F), stream), stream), stream);
  const auto both = mx::add(half, flip(half), stream);
  const auto left = solve_triangular(lower, both, {false, true}, stream);         // L^-T S
  const auto right = solve_triangular(lower, flip(left), {false, true}, stream);  // (L^-T S L^-1)^T
  return mx::multiply(right, mx::array(0.5F), stream);
}

/// Throws if a state says so. While mx::compile traces there is nothing to read, and nothing is
/// said.
void check_states(mx::array state, const mx::array& a) {
  try {
    state.eval();
  } catch (const std::invalid_argument& error) {
    if (std::string_view(error.what()).find("function transformations") != std::string_view::npos)
      return;
    throw;
  }
  for (size_t i = 0; i < state.size(); ++i) {
    const int minor = state.data<int>()[i];
    if (minor == 0) continue;
    std::string text = "[anymetal.kernels.cholesky] a: " + describe(a) + " was given";
    if (state.size() > 1)
      text += ", whose matrix " + std::to_string(i);
    else
      text += ", which";
    throw NotPositiveDefinite(text + " isn't positive definite: its leading minor of order " +
                                  std::to_string(minor) + " isn't positive (or isn't finite).",
                              minor, static_cast<int>(i));
  }
}

}  // namespace

mx::array cholesky(const mx::array& a, CholeskyOptions options, mx::StreamOrDevice stream) {
  const Argument argument{"cholesky", "a", a};
  need_float32(argument);
  need_square(argument);
  if (a.size() == 0) return a;
  const bool upper = options.upper;
  const auto call = mx::custom_vjp(
      [upper, stream](const std::vector<mx::array>& inputs) {
        return forward(inputs[0], upper, stream);
      },
      [upper, stream](const std::vector<mx::array>&, const std::vector<mx::array>& cotangents,
                      const std::vector<mx::array>& outputs) {
        return std::vector{backward(outputs[0], cotangents[0], upper, stream)};
      });
  auto made = call({a});
  if (options.check) check_states(made[1], a);
  return made[0];
}

}  // namespace anymetal::kernels
