// All three are sums along rows: of x, or of products with a row of y that several rows of x may
// share. Long rows go in pieces, a simdgroup each, whose limbs a second kernel joins.
#include "anymetal_kernels/compensated.h"

#include <algorithm>

#include "kernel/arguments.h"
#include "kernel/kernel.h"

namespace anymetal::kernels {
namespace {

constexpr int kPiece = 8192;
constexpr int kRowsOfThreadgroup = 8;

int number_of(std::string_view function, const Compensated& how) {
  if (how.math_mode != "safe") {
    refuse(function, "math_mode", "\"" + how.math_mode + "\"",
           "\"safe\" (others may reassociate, and with that undo the compensation)");
  }
  if (how.method == "kahan") return 0;
  if (how.method == "neumaier") return 1;
  if (how.method == "limbs") return 2;
  refuse(function, "method", "\"" + how.method + "\"", "\"kahan\", \"neumaier\" or \"limbs\"");
}

/// x is (rows, columns); y, if it is there, (rows / shared, columns). Limbs of (rows).
std::vector<mx::array> sum_rows(const mx::array& x, const std::optional<mx::array>& y, int shared,
                                int method, const mx::StreamOrDevice& stream) {
  const int rows = x.shape(0), columns = x.shape(1);
  if (rows == 0 || columns == 0) {
    return {mx::zeros({rows}, mx::float32, stream), mx::zeros({rows}, mx::float32, stream)};
  }
  const int pieces = (columns - 1) / kPiece + 1;
  auto limbs = call_kernel(
      "compensated_parts",
      {.inputs = {x, y.value_or(x),
                  numbers({static_cast<uint32_t>(columns), static_cast<uint32_t>(rows),
                           static_cast<uint32_t>(pieces), kPiece, static_cast<uint32_t>(shared)})},
       .shapes = {{rows, pieces}, {rows, pieces}},
       .dtypes = {mx::float32, mx::float32},
       .grid = {32 * pieces, rows, 1},
       .threadgroup = {32, kRowsOfThreadgroup, 1},
       .arguments = {{"T", x.dtype()}, {"DOT", y.has_value()}, {"METHOD", method}}},
      stream);
  if (pieces == 1) {
    return {mx::reshape(limbs[0], {rows}, stream), mx::reshape(limbs[1], {rows}, stream)};
  }
  return call_kernel(
      "compensated_join",
      {.inputs = {limbs[0], limbs[1],
                  numbers({static_cast<uint32_t>(pieces), static_cast<uint32_t>(rows)})},
       .shapes = {{rows}, {rows}},
       .dtypes = {mx::float32, mx::float32},
       .grid = {32, rows, 1},
       .threadgroup = {32, kRowsOfThreadgroup, 1}},
      stream);
}

void need_countable(const Argument& argument, uint64_t rows, uint64_t columns) {
  if (rows > INT32_MAX / 32 || columns > INT32_MAX - kPiece)
    refuse(argument, "at most 2^26 sums of fewer than 2^31 - 2^13 terms each");
}

LimbPair pair_of(std::vector<mx::array> limbs) {
  return {std::move(limbs[0]), std::move(limbs[1])};
}

mx::array widened(const mx::array& x, int axis, mx::Dtype dtype, const mx::StreamOrDevice& stream) {
  return mx::astype(mx::expand_dims(x, axis, stream), dtype, stream);
}

LimbPair dots(std::string_view function, const mx::array& x, const mx::array& y,
              const Compensated& how, mx::StreamOrDevice stream) {
  const int method = number_of(function, how);
  need_float({function, "x", x});
  need_rank({function, "x", x}, 1, SIZE_MAX);
  need_same_dtype({function, "y", y}, {function, "x", x});
  if (x.shape() != y.shape()) refuse({function, "y", y}, "the shape of x, " + describe(x) + ",");
  const int columns = x.shape(-1);
  const uint64_t rows = columns == 0 ? 0 : x.size() / static_cast<uint64_t>(columns);
  need_countable({function, "x", x}, rows, static_cast<uint64_t>(columns));
  const mx::Shape left(x.shape().begin(), x.shape().end() - 1);
  if (columns == 0)
    return {mx::zeros(left, mx::float32, stream), mx::zeros(left, mx::float32, stream)};
  const mx::Shape flat = {static_cast<int>(rows), columns};
  const auto call = mx::custom_vjp(
      [=](const std::vector<mx::array>& inputs) {
        auto limbs = sum_rows(mx::reshape(inputs[0], flat, stream),
                              mx::reshape(inputs[1], flat, stream), 1, method, stream);
        for (auto& limb : limbs) limb = mx::reshape(limb, left, stream);
        return limbs;
      },
      [=](const std::vector<mx::array>& inputs, const std::vector<mx::array>& cotangents,
          const std::vector<mx::array>&) {
        const auto g = widened(cotangents[0], -1, inputs[0].dtype(), stream);
        return std::vector{mx::multiply(g, inputs[1], stream), mx::multiply(g, inputs[0], stream)};
      });
  return pair_of(call({x, y}));
}

LimbPair sums(std::string_view function, const mx::array& x, std::optional<int> axis,
              const Compensated& how, mx::StreamOrDevice stream) {
  const int method = number_of(function, how);
  const int rank = static_cast<int>(x.ndim());
  need_float({function, "x", x});
  if (axis && (*axis < -rank || *axis >= rank)) {
    refuse(function, "axis", std::to_string(*axis), "an axis of x, " + describe(x) + ", or None,");
  }
  const int at = axis ? (*axis + rank) % rank : 0;
  const uint64_t columns = axis ? static_cast<uint64_t>(x.shape(at)) : x.size();
  const uint64_t rows = !axis ? 1 : columns == 0 ? 0 : x.size() / columns;
  need_countable({function, "x", x}, rows, columns);
  mx::Shape left;
  for (int i = 0; axis && i < rank; ++i) {
    if (i != at) left.push_back(x.shape(i));
  }
  if (columns == 0)
    return {mx::zeros(left, mx::float32, stream), mx::zeros(left, mx::float32, stream)};
  const mx::Shape flat = {static_cast<int>(rows), static_cast<int>(columns)};
  const auto call = mx::custom_vjp(
      [=](const std::vector<mx::array>& inputs) {
        const auto turned = axis ? mx::moveaxis(inputs[0], at, -1, stream) : inputs[0];
        auto limbs = sum_rows(mx::reshape(turned, flat, stream), std::nullopt, 1, method, stream);
        for (auto& limb : limbs) limb = mx::reshape(limb, left, stream);
        return limbs;
      },
      [=](const std::vector<mx::array>& inputs, const std::vector<mx::array>& cotangents,
          const std::vector<mx::array>&) {
        const auto g = axis ? widened(cotangents[0], at, inputs[0].dtype(), stream)
                            : mx::astype(cotangents[0], inputs[0].dtype(), stream);
        return std::vector{mx::broadcast_to(g, inputs[0].shape(), stream)};
      });
  return pair_of(call({x}));
}

LimbPair products(std::string_view function, const mx::array& a, const mx::array& x,
                  const Compensated& how, mx::StreamOrDevice stream) {
  const int method = number_of(function, how);
  need_float({function, "a", a});
  need_matrices({function, "a", a});
  need_same_dtype({function, "x", x}, {function, "a", a});
  const int rows = a.shape(-2), columns = a.shape(-1);
  mx::Shape wanted(a.shape().begin(), a.shape().end() - 2);
  mx::Shape left = wanted;
  wanted.push_back(columns);
  left.push_back(rows);
  if (x.shape() != wanted)
    refuse({function, "x", x},
           "a vector of a's " + std::to_string(columns) + " columns for each a");
  if (a.size() == 0)
    return {mx::zeros(left, mx::float32, stream), mx::zeros(left, mx::float32, stream)};
  const uint64_t all = a.size() / static_cast<uint64_t>(columns);
  need_countable({function, "a", a}, all, static_cast<uint64_t>(columns));
  const mx::Shape flat = {static_cast<int>(all), columns};
  const auto call = mx::custom_vjp(
      [=](const std::vector<mx::array>& inputs) {
        auto limbs = sum_rows(mx::reshape(inputs[0], flat, stream),
                              mx::reshape(inputs[1], {flat[0] / rows, columns}, stream), rows,
                              method, stream);
        for (auto& limb : limbs) limb = mx::reshape(limb, left, stream);
        return limbs;
      },
      [=](const std::vector<mx::array>& inputs, const std::vector<mx::array>& cotangents,
          const std::vector<mx::array>&) {
        const auto g = widened(cotangents[0], -1, inputs[0].dtype(), stream);
        const auto turned = mx::swapaxes(inputs[0], -1, -2, stream);
        return std::vector{mx::multiply(g, mx::expand_dims(inputs[1], -2, stream), stream),
                           mx::squeeze(mx::matmul(turned, g, stream), -1, stream)};
      });
  return pair_of(call({a, x}));
}

}  // namespace

mx::array sum(const mx::array& x, std::optional<int> axis, const Compensated& how,
              mx::StreamOrDevice stream) {
  return sums("sum", x, axis, how, stream).first;
}

LimbPair sum_limbs(const mx::array& x, std::optional<int> axis, const Compensated& how,
                   mx::StreamOrDevice stream) {
  return sums("sum_limbs", x, axis, how, stream);
}

mx::array dot(const mx::array& x, const mx::array& y, const Compensated& how,
              mx::StreamOrDevice stream) {
  return dots("dot", x, y, how, stream).first;
}

LimbPair dot_limbs(const mx::array& x, const mx::array& y, const Compensated& how,
                   mx::StreamOrDevice stream) {
  return dots("dot_limbs", x, y, how, stream);
}

mx::array gemv(const mx::array& a, const mx::array& x, const Compensated& how,
               mx::StreamOrDevice stream) {
  return products("gemv", a, x, how, stream).first;
}

LimbPair gemv_limbs(const mx::array& a, const mx::array& x, const Compensated& how,
                    mx::StreamOrDevice stream) {
  return products("gemv_limbs", a, x, how, stream);
}

}  // namespace anymetal::kernels
