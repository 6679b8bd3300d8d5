// The matrix memory of xLSTM: one step of it, and whole sequences in chunks.
//
// For each head, with d the width of q and k:
//
//   m  = max(log f + m', log i)                    i' = exp(log i - m)     f' = exp(log f + m' - m)
//   C  = f' C' + i' v k^T / sqrt(d)                n  = f' n' + i' k / sqrt(d)
//   h  = o * (C q) / max(|n . q|, exp(-m))
//
// (m' and the like: before the step.) m keeps both gates within range; C, n and m together stand
// for C exp(m), n exp(m).
//
// Source: Beck, Pöppel, Spanring, Auer, Prudnikova, Kopp, Klambauer, Brandstetter, Hochreiter:
// xLSTM: Extended Long Short-Term Memory (arXiv:2405.04517), equations 19 to 27 and the stabilised
// ones of its appendix. The chunked form: Beck, Pöppel, Lippe, Hochreiter: Tiled Flash Linear
// Attention (arXiv:2503.14376).
#pragma once

#include <optional>
#include <utility>

#include "anymetal_kernels/api.h"
#include "mlx/mlx.h"

namespace anymetal::kernels {

/// All in float32, with the same leading shape (batch, heads or whatever there is).
struct MlstmState {
  mlx::core::array c;  ///< (..., width of v, width of k)
  mlx::core::array n;  ///< (..., width of k)
  mlx::core::array m;  ///< (...)
};

/// What goes in at a step, or at all steps of a sequence.
struct MlstmInputs {
  mlx::core::array q, k;  ///< (..., d), one shape; float32, float16 or bfloat16
  mlx::core::array v,
      o;  ///< (..., e), one shape, q's type; o is the output gate, after its sigmoid
  mlx::core::array log_i, log_f;  ///< (...), the gates' logarithms, computed with in float32
};

/// One step, as above. C, n and m are computed in float32 whatever the inputs' type is.
///
/// state: without it, zeros. m may be -inf, an empty memory; log f may be -inf, which forgets all.
/// Returns h (..., e) in q's type, and the state after it. Differentiable in all inputs and the
/// state. Accuracy: h is off by at most about (d + 10) eps times what |C| |q| would give, per step
/// taken. Throws std::invalid_argument for other types and shapes that don't fit.
ANYMETAL_KERNELS_API std::pair<mlx::core::array, MlstmState> mlstm_step(
    const MlstmInputs& inputs, const std::optional<MlstmState>& state = std::nullopt,
    mlx::core::StreamOrDevice stream = {});

/// The steps of a sequence, in chunks: within a chunk as products of matrices, from chunk to chunk
/// as a recurrence.
///
/// inputs: with an axis of steps before the widths: q (..., steps, d), log_i (..., steps).
/// log_f must be finite here. Sums of log f within a chunk are floats: a chunk over which they
/// reach -B is off by another B eps. chunk: 32, 64, 128 or 256 steps. Returns h (..., steps, e) and
/// the state after the last step: what mlstm_step gives, rounded otherwise. Differentiable in all
/// inputs and the state (the VJP computes the chunks again, in MLX's operations).
ANYMETAL_KERNELS_API std::pair<mlx::core::array, MlstmState> mlstm_sequence(
    const MlstmInputs& inputs, const std::optional<MlstmState>& state = std::nullopt,
    int chunk = 64, mlx::core::StreamOrDevice stream = {});

}  // namespace anymetal::kernels
