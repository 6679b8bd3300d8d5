#include <nanobind/stl/unordered_map.h>

#include "anymetal_kernels/monarch_mixer.h"
#include "binding/binding.h"

namespace anymetal::kernels {
namespace {

constexpr const char* kText =
    R"(The sequence mixer of M2-BERT. With conv the long convolution and * by element:

    x1, x2, v = short_filter(in_linear(u))             causal, each channel by itself
    y = x2 * conv(x1 * v) + conv2(u)                   two gates; conv2 where there is a filter_fn2
    out_linear(y)

    conv(x)[t] = sum over s <= t of k[t - s] x[s] + sum over s > t of k_rev[s - t - 1] x[s] + bias x[t]
    k = (layers: sin(w_mod freq (W h + b)), the last one linear)(z) * exp(-t |deltas|)

Args:
    u (mx.array): (batch, length, D); float32, float16 or bfloat16.
    weights (dict): by the names of the published checkpoints, in any float type:
        in_linear.weight (3D, D), .bias (3D); short_filter.weight (3D, 1, taps), .bias (3D); out_linear.weight (D, D), .bias (D);
        filter_fn.bias (D), filter_fn.pos_emb.z (1, l_max, E), .t (1, l_max, 1), filter_fn.modulation.deltas (1, 1, D);
        filter_fn.implicit_filter.0.weight (R, E), .0.bias (R), .1.freq (1, R), .2.weight (R, R), ..., and the last, .6.weight (D, R),
        without bias. filter_fn.implicit_filter_rev.* makes the convolution bidirectional; filter_fn2.* is the residual one.
    prefix (str): names that begin with it are taken, without it; others are left alone.
    w_mod (float): a factor of all frequencies (hyena_w_mod).
    stream (mx.Stream or mx.Device, optional): where it runs.

Returns:
    mx.array: (batch, length, D) in u's type, computed in float32. Differentiable in u and the weights.

Raises:
    ValueError: a name that is missing, unknown or of another shape; a length beyond l_max.

FFTs have twice the length; the forward ones are not scaled, the inverse one is by 1 / (2 length). Source: Fu and others, Monarch
Mixer (arXiv:2310.12109), and the published M2-BERT; Poli and others, Hyena Hierarchy (arXiv:2302.10866).
)";

constexpr const char* kWeightsText =
    R"(Weights for monarch_mixer to begin a training with: layers as PyTorch's Linear and Conv1d begin, embedding and decays as published.

Args:
    d_model (int), l_max (int): width of the model, and its longest sequence.
    order (int), emb_dim (int), layers (int): of the implicit filter; emb_dim is odd, from 3 on.
    bidirectional (bool), residual (bool): whether there is a filter for what comes later, and a residual long convolution.
    w (float): frequency of the sines.
    seed (int): for the numbers that are drawn.

Returns:
    dict: names and arrays, in float32.

Raises:
    ValueError: sizes that make no mixer.
)";

}  // namespace

void bind_monarch_mixer(nb::module_& module) {
  module.def(
      "monarch_mixer",
      [](const mlx::core::array& u, const MonarchWeights& weights, const std::string& prefix,
         float w_mod, mlx::core::StreamOrDevice stream) {
        return monarch_mixer(u, weights, {prefix, w_mod}, stream);
      },
      "u"_a, "weights"_a, nb::kw_only(), "prefix"_a = "", "w_mod"_a = 1.0F, "stream"_a = nb::none(),
      kText);
  module.def(
      "monarch_mixer_weights",
      [](int d_model, int l_max, int order, int emb_dim, int layers, bool bidirectional,
         bool residual, float w, uint64_t seed) {
        return monarch_mixer_weights({.d_model = d_model,
                                      .l_max = l_max,
                                      .order = order,
                                      .emb_dim = emb_dim,
                                      .layers = layers,
                                      .bidirectional = bidirectional,
                                      .residual = residual,
                                      .w = w},
                                     seed);
      },
      "d_model"_a = 768, "l_max"_a = 128, nb::kw_only(), "order"_a = 128, "emb_dim"_a = 5,
      "layers"_a = 4, "bidirectional"_a = true, "residual"_a = true, "w"_a = 10.0F, "seed"_a = 0,
      kWeightsText);
}

}  // namespace anymetal::kernels
