// A short convolution of each channel by itself.
#pragma once

#include <optional>

#include "anymetal_kernels/api.h"
#include "mlx/mlx.h"

namespace anymetal::kernels {

/// y[b, c, t] = bias[c] + sum over j of w[c, j] x[b, c, t + j - left], with zeros beyond both ends.
///
/// x: (batch, channels, length), length below 2^31; float32, float16 or bfloat16.
/// w: (channels, taps), 1 to 64 taps; x's type. bias: (channels), x's type.
/// left: how many of the taps look back, 0 to taps - 1. By default (taps - 1) / 2, centred as in
/// the guides; taps - 1 is causal, PyTorch's Conv1d with padding = taps - 1 cut to the length.
/// Returns x's shape and type. Sums are in float32, in the order of the taps: results repeat.
/// Differentiable in x, w and bias.
/// Throws std::invalid_argument for other types and shapes that don't fit.
/// Source: the guides' `depthwise_conv_3tap`.
ANYMETAL_KERNELS_API mlx::core::array depthwise_conv(
    const mlx::core::array& x, const mlx::core::array& w,
    const std::optional<mlx::core::array>& bias = std::nullopt,
    std::optional<int> left = std::nullopt, mlx::core::StreamOrDevice stream = {});

/// The guides' function: 3 taps, centred, no bias.
ANYMETAL_KERNELS_API mlx::core::array depthwise_conv_3tap(const mlx::core::array& x,
                                                          const mlx::core::array& kernel,
                                                          mlx::core::StreamOrDevice stream = {});

}  // namespace anymetal::kernels
