#include "anymetal_kernels/mlstm.h"
#include "binding/binding.h"

namespace anymetal::kernels {
namespace {

using Array = mlx::core::array;
using State = std::tuple<Array, Array, Array>;
using Stream = mlx::core::StreamOrDevice;

std::optional<MlstmState> state_of(const std::optional<State>& state) {
  if (!state) return std::nullopt;
  return MlstmState{std::get<0>(*state), std::get<1>(*state), std::get<2>(*state)};
}

std::pair<Array, State> returned(const std::pair<Array, MlstmState>& result) {
  return {result.first, {result.second.c, result.second.n, result.second.m}};
}

constexpr const char* kStepText =
    R"(One step of the mLSTM, the matrix memory of xLSTM. For each head, with d the width of q and k:

    m = max(log f + m', log i)            i' = exp(log i - m)       f' = exp(log f + m' - m)
    C = f' C' + i' v k^T / sqrt(d)        n = f' n' + i' k / sqrt(d)
    h = o * (C q) / max(|n . q|, exp(-m))

(m' and the like: before the step.)

Args:
    q, k (mx.array): (..., d); float32, float16 or bfloat16. The leading axes are batch, heads, or whatever there is.
    v, o (mx.array): (..., e), q's type. o is the output gate, after its sigmoid.
    log_i, log_f (mx.array): (...), the gates' logarithms, computed with in float32.
    state (tuple, optional): (c, n, m) in float32, of (..., e, d), (..., d) and (...). Without it, zeros. m may be -inf, an empty memory.
    stream (mx.Stream or mx.Device, optional): where it runs.

Returns:
    tuple: h (..., e) in q's type, and the state (c, n, m) after the step. Differentiable in all arrays.

Raises:
    ValueError: other types, or shapes that don't fit.

Source: Beck and others, xLSTM: Extended Long Short-Term Memory (arXiv:2405.04517), equations 19 to 27, stabilised as in its appendix.
)";

constexpr const char* kSequenceText =
    R"(The steps of a sequence through the mLSTM, in chunks: within a chunk as products of matrices, from chunk to chunk as a recurrence.

Args:
    q, k (mx.array): (..., steps, d); float32, float16 or bfloat16.
    v, o (mx.array): (..., steps, e), q's type.
    log_i, log_f (mx.array): (..., steps). log_f must be finite here; a chunk over which its sum reaches -B is off by another B eps.
    state (tuple, optional): (c, n, m) as for mlstm_step.
    chunk (int): 32, 64, 128 or 256 steps.
    stream (mx.Stream or mx.Device, optional): where it runs.

Returns:
    tuple: h (..., steps, e) in q's type, and the state (c, n, m) after the last step: what mlstm_step gives, rounded otherwise.
    Differentiable in all arrays; the VJP computes the chunks again, in MLX's operations.

Raises:
    ValueError: other types, other chunks, or shapes that don't fit.

Source: Beck and others, Tiled Flash Linear Attention (arXiv:2503.14376); xLSTM (arXiv:2405.04517).
)";

}  // namespace

void bind_mlstm(nb::module_& module) {
  module.def(
      "mlstm_step",
      [](const Array& q, const Array& k, const Array& v, const Array& o, const Array& log_i,
         const Array& log_f, const std::optional<State>& state, Stream stream) {
        return returned(mlstm_step({q, k, v, o, log_i, log_f}, state_of(state), stream));
      },
      "q"_a, "k"_a, "v"_a, "o"_a, "log_i"_a, "log_f"_a, "state"_a = nb::none(), nb::kw_only(),
      "stream"_a = nb::none(), kStepText);
  module.def(
      "mlstm_sequence",
      [](const Array& q, const Array& k, const Array& v, const Array& o, const Array& log_i,
         const Array& log_f, const std::optional<State>& state, int chunk, Stream stream) {
        return returned(mlstm_sequence({q, k, v, o, log_i, log_f}, state_of(state), chunk, stream));
      },
      "q"_a, "k"_a, "v"_a, "o"_a, "log_i"_a, "log_f"_a, "state"_a = nb::none(), nb::kw_only(),
      "chunk"_a = 64, "stream"_a = nb::none(), kSequenceText);
}

}  // namespace anymetal::kernels
