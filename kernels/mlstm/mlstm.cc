// One step of the mLSTM: one kernel. Its VJP is that of the same formulas in MLX's operations.
#include "anymetal_kernels/mlstm.h"

#include <cmath>

#include "kernel/kernel.h"
#include "mlstm/mlstm_arguments.h"

namespace anymetal::kernels {
namespace {

constexpr int kRows = 8;  // of C, for each simdgroup
constexpr int kSimdgroups = 8;

std::vector<mx::array> launch(const std::vector<mx::array>& arrays, const MlstmSizes& sizes,
                              const mx::StreamOrDevice& stream) {
  std::vector<mx::array> inputs;
  // A kernel sees a single value as one, not as a buffer: heads of no leading shape.
  for (const auto& each : arrays) inputs.push_back(mx::atleast_1d(each, stream));
  inputs.push_back(
      numbers({static_cast<uint32_t>(sizes.columns), static_cast<uint32_t>(sizes.rows)}));
  inputs.push_back(mx::array({1.0F / std::sqrt(static_cast<float>(sizes.columns))}));
  return call_kernel(
      "mlstm_step",
      {.inputs = inputs,
       .shapes = {arrays[6].shape(), arrays[7].shape(), arrays[8].shape(), arrays[2].shape()},
       .dtypes = {mx::float32, mx::float32, mx::float32, arrays[0].dtype()},
       .grid = {32, std::max(1, (sizes.rows + kRows - 1) / kRows), sizes.heads},
       .threadgroup = {32, kSimdgroups, 1},
       .arguments = {{"T", arrays[0].dtype()}, {"ROWS", kRows}}},
      stream);
}

/// The formulas of the header. In: arrays_of's order. Out: c, n, m, h.
std::vector<mx::array> step_in_operations(const std::vector<mx::array>& in,
                                          const mx::StreamOrDevice& s) {
  const auto wide = [&](const mx::array& x) { return mx::astype(x, mx::float32, s); };
  const auto column = [&](const mx::array& x) { return mx::expand_dims(x, -1, s); };
  const auto q = wide(in[0]), v = wide(in[2]), o = wide(in[3]);
  const auto k =
      mx::multiply(wide(in[1]), mx::array(1.0F / std::sqrt(static_cast<float>(q.shape(-1)))), s);
  const auto kept = mx::add(in[5], in[8], s);
  const auto m = mx::maximum(kept, in[4], s);
  const auto m_of_gates = finite_or_zero(m, s);
  const auto f = mx::exp(mx::subtract(kept, m_of_gates, s), s);
  const auto i = mx::exp(mx::subtract(in[4], m_of_gates, s), s);
  const auto added =
      mx::multiply(column(mx::multiply(column(i), v, s)), mx::expand_dims(k, -2, s), s);
  const auto c = mx::add(mx::multiply(column(column(f)), in[6], s), added, s);
  const auto n = mx::add(mx::multiply(column(f), in[7], s), mx::multiply(column(i), k, s), s);
  const auto along_n = mx::abs(mx::sum(mx::multiply(n, q, s), -1, false, s), s);
  const auto divisor = mx::maximum(along_n, mx::exp(mx::negative(m, s), s), s);
  const auto sums = mx::squeeze(mx::matmul(c, column(q), s), -1, s);
  const auto h = mx::multiply(o, mx::divide(sums, column(divisor), s), s);
  return {c, n, m, mx::astype(h, in[0].dtype(), s)};
}

}  // namespace

std::pair<mx::array, MlstmState> mlstm_step(const MlstmInputs& inputs,
                                            const std::optional<MlstmState>& state,
                                            mx::StreamOrDevice stream) {
  const auto sizes = check_mlstm("mlstm_step", inputs, state, false);
  const auto arrays = arrays_of(inputs, state, sizes, stream);
  if (sizes.heads == 0) return {inputs.v, {arrays[6], arrays[7], arrays[8]}};
  const auto call =
      mx::custom_vjp([=](const std::vector<mx::array>& in) { return launch(in, sizes, stream); },
                     [=](const std::vector<mx::array>& in, const std::vector<mx::array>& cotangents,
                         const std::vector<mx::array>&) {
                       const auto step = [&](const std::vector<mx::array>& each) {
                         return step_in_operations(each, stream);
                       };
                       return mx::vjp(step, in, cotangents).second;
                     });
  const auto out = call(arrays);
  return {out[3], {out[0], out[1], out[2]}};
}

}  // namespace anymetal::kernels
