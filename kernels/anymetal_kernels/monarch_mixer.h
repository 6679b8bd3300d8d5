// The sequence mixer of M2-BERT.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "anymetal_kernels/api.h"
#include "mlx/mlx.h"

namespace anymetal::kernels {

/// By the names that the published checkpoints have. With D the width of the model, E of the
/// positional embedding (odd), R the order:
///
///   in_linear.weight (3D, D), .bias (3D)            short_filter.weight (3D, 1, taps), .bias (3D)
///   out_linear.weight (D, D), .bias (D)             and for the long convolution
///   filter_fn.bias (D)                              filter_fn.modulation.deltas (1, 1, D)
///   filter_fn.pos_emb.z (1, l_max, E)               filter_fn.pos_emb.t (1, l_max, 1)
///   filter_fn.implicit_filter.0.weight (R, E), .0.bias (R), .1.freq (1, R), .2.weight (R, R),
///   .2.bias, .3.freq, ..., and the last one, .6.weight (D, R), without bias: as many layers as
///   there are.
///
/// filter_fn.implicit_filter_rev.* makes the convolution bidirectional; filter_fn2.* is the
/// residual long convolution.
using MonarchWeights = std::unordered_map<std::string, mlx::core::array>;

struct MonarchOptions {
  std::string prefix;  ///< names that begin with it are taken, without it; others are left alone
  float w_mod = 1.0F;  ///< a factor of all frequencies (`hyena_w_mod`)
};

/// Mixes a sequence along its steps. With conv the long convolution and * by element:
///
///   x1, x2, v = short_filter(in_linear(u))     causal, each channel by itself
///   y = x2 * conv(x1 * v) + conv2(u)           two gates; conv2 where there is a filter_fn2
///   out_linear(y)
///
///   conv(x)[t] = sum over s <= t of k[t - s] x[s] + sum over s > t of k_rev[s - t - 1] x[s]
///                + bias x[t]
///   k = layers(z) * exp(-t |deltas|), a layer being sin(w_mod freq (W h + b)), the last one W h
///
/// The convolution goes by FFT of twice the length: the forward transforms are not scaled, the
/// inverse one is by 1 / (2 length), so that the inverse of the forward one is the identity (MLX's
/// "backward"; the published code scales the filter's transform instead, which is the same).
///
/// u: (batch, length, D), length at most l_max; float32, float16 or bfloat16. All is computed in
/// float32, and the result, (batch, length, D), is rounded to u's type. Dropout and layer norm,
/// which training adds around it, are not here. Differentiable in u and the weights. Throws
/// std::invalid_argument for names that are missing, unknown or of another shape. Source: Fu and
/// others, Monarch Mixer (arXiv:2310.12109), and their published M2-BERT; Poli and others, Hyena
/// Hierarchy (arXiv:2302.10866).
ANYMETAL_KERNELS_API mlx::core::array monarch_mixer(const mlx::core::array& u,
                                                    const MonarchWeights& weights,
                                                    const MonarchOptions& options = {},
                                                    mlx::core::StreamOrDevice stream = {});

struct MonarchSizes {
  int d_model = 768, l_max = 128;
  int order = 128, emb_dim = 5, layers = 4;  ///< layers of the implicit filter
  bool bidirectional = true, residual = true;
  float w = 10.0F;  ///< frequency of the sines
};

/// Weights to begin a training with: layers as PyTorch's Linear and Conv1d begin, the embedding and
/// the decays as published.
ANYMETAL_KERNELS_API MonarchWeights monarch_mixer_weights(const MonarchSizes& sizes,
                                                          uint64_t seed = 0);

}  // namespace anymetal::kernels
