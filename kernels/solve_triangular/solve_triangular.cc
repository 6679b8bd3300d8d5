// Triangular systems by halves. What comes in: a triangle and right sides. What goes out: the
// solution, from triangles of 64 rows, which are solved a thread a column, and tiled products in
// between: nearly all work is in these.
#include "anymetal_kernels/solve_triangular.h"

#include "kernel/arguments.h"
#include "solve_triangular/triangular_launch.h"

namespace anymetal::kernels {
namespace {

constexpr int kThreads = 128;

uint32_t word(int value) {
  return static_cast<uint32_t>(value);
}

mx::array launch(const Operand& t, const Operand& b, int n, int columns, int row, int batch,
                 TriangularOptions options, bool is_panel, const mx::StreamOrDevice& stream) {
  const auto shape = numbers({word(n), word(columns), word(t.row_length), word(b.row_length),
                              word(t.offset), word(b.offset), word(t.batch_step),
                              word(b.batch_step), word(row), word(row - columns)});
  const int threads = std::min(kThreads, round_up(std::max(columns, 1), 32));
  return call_kernel("triangular_block",
                     {.inputs = {t.array, b.array, shape},
                      .shapes = {{batch, n, row}},
                      .dtypes = {mx::float32},
                      .grid = {round_up(std::max(columns, 1), threads), 1, batch},
                      .threadgroup = {threads, 1, 1},
                      .arguments = {{"UPPER", options.upper},
                                    {"TRANSPOSED", options.transpose},
                                    {"PANEL", is_panel}}},
                     stream)[0];
}

/// The part of an operand that begins at (row, column).
Operand part(const Operand& whole, int row, int column) {
  Operand result = whole;
  result.offset += row * whole.row_length + column;
  return result;
}

mx::array forward(const mx::array& a, const mx::array& b, TriangularOptions options,
                  const mx::StreamOrDevice& stream) {
  if (b.size() == 0) return mx::zeros(b.shape(), mx::float32, stream);
  const int n = b.shape(-2), columns = b.shape(-1);
  const auto batch = static_cast<int>(b.size() / (int64_t{n} * columns));
  const auto made = solve_parts(whole(a), whole(b), n, columns, batch, options, stream);
  return mx::reshape(made, b.shape(), stream);
}

/// With op(A) X = B and the cotangent G of X: B's is op(A)^-T G, and op(A)'s is minus that times
/// X^T, of which A has only its own triangle (Giles, "Collected matrix derivative results", 2.3.1).
std::vector<mx::array> backward(const mx::array& a, const mx::array& x, const mx::array& cotangent,
                                TriangularOptions options, const mx::StreamOrDevice& stream) {
  const auto of_b = solve_triangular(a, cotangent, {options.upper, !options.transpose}, stream);
  auto of_a = options.transpose ? gemm(x, of_b, {false, true}, stream)
                                : gemm(of_b, x, {false, true}, stream);
  of_a = mx::negative(of_a, stream);
  of_a = options.upper ? mx::triu(of_a, 0, stream) : mx::tril(of_a, 0, stream);
  while (of_a.ndim() > a.ndim()) of_a = mx::sum(of_a, 0, false, stream);
  return {of_a, of_b};
}

void check(const mx::array& a, const mx::array& b) {
  const Argument first{"solve_triangular", "a", a}, second{"solve_triangular", "b", b};
  need_float32(first);
  need_float32(second);
  need_square(first);
  need_matrices(second);
  if (b.shape(-2) != a.shape(-1))
    refuse(second, std::to_string(a.shape(-1)) + " rows, those of a, " + describe(a) + ",");
  const mx::Shape batch(a.shape().begin(), a.shape().end() - 2);
  if (!batch.empty() && batch != mx::Shape(b.shape().begin(), b.shape().end() - 2))
    refuse(second, "the batch of a, " + describe(a) + ", or one matrix a for all,");
}

}  // namespace

mx::array solve_parts(const Operand& t, const Operand& b, int n, int columns, int batch,
                      TriangularOptions options, const mx::StreamOrDevice& stream) {
  if (n <= kTriangle) return launch(t, b, n, columns, columns, batch, options, false, stream);
  const int half = round_up(n / 2, kTriangle), rest = n - half;
  const bool is_forward = options.upper == options.transpose;
  // First the rows that need no others, then the others without what these take.
  const int first_row = is_forward ? 0 : half, first_rows = is_forward ? half : rest;
  const int last_row = is_forward ? half : 0, last_rows = n - first_rows;
  const auto first = solve_parts(part(t, first_row, first_row), part(b, first_row, 0), first_rows,
                                 columns, batch, options, stream);
  const auto between =
      options.transpose ? part(t, first_row, last_row) : part(t, last_row, first_row);
  const auto right = subtract_product(part(b, last_row, 0), between, whole(first),
                                      {.m = last_rows,
                                       .n = columns,
                                       .k = first_rows,
                                       .batch = batch,
                                       .options = {options.transpose, false}},
                                      stream);
  const auto last = solve_parts(part(t, last_row, last_row), whole(right), last_rows, columns,
                                batch, options, stream);
  return is_forward ? mx::concatenate({first, last}, 1, stream)
                    : mx::concatenate({last, first}, 1, stream);
}

mx::array solve_band(const mx::array& u, const Operand& b, int n, int columns, int row, int batch,
                     const mx::StreamOrDevice& stream) {
  return launch(whole(u), b, n, columns, row, batch, {.upper = true, .transpose = true}, true,
                stream);
}

mx::array solve_triangular(const mx::array& a, const mx::array& b, TriangularOptions options,
                           mx::StreamOrDevice stream) {
  check(a, b);
  const auto call = mx::custom_vjp(
      [options, stream](const std::vector<mx::array>& inputs) {
        return std::vector{forward(inputs[0], inputs[1], options, stream)};
      },
      [options, stream](const std::vector<mx::array>& inputs,
                        const std::vector<mx::array>& cotangents,
                        const std::vector<mx::array>& outputs) {
        return backward(inputs[0], outputs[0], cotangents[0], options, stream);
      });
  return call({a, b})[0];
}

}  // namespace anymetal::kernels
