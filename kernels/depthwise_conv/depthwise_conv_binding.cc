#include "anymetal_kernels/depthwise_conv.h"
#include "binding/binding.h"

namespace anymetal::kernels {

void bind_depthwise_conv(nb::module_& module) {
  module.def("depthwise_conv", &depthwise_conv, "x"_a, "w"_a, "bias"_a = nb::none(), nb::kw_only(),
             "left"_a = nb::none(), "stream"_a = nb::none(),
             R"(A short convolution of each channel by itself.

y[b, c, t] = bias[c] + sum over j of w[c, j] x[b, c, t + j - left], with zeros beyond both ends.

Args:
    x (mx.array): (batch, channels, length); float32, float16 or bfloat16.
    w (mx.array): (channels, taps), 1 to 64 taps, x's type.
    bias (mx.array, optional): (channels), x's type.
    left (int, optional): how many of the taps look back, 0 to taps - 1. By default (taps - 1) // 2, centred as in the guides;
        taps - 1 is causal, PyTorch's Conv1d with padding = taps - 1 cut to the length.
    stream (mx.Stream or mx.Device, optional): where it runs.

Returns:
    mx.array: x's shape and type. Sums are in float32, in the order of the taps: results repeat. Differentiable in x, w, bias.

Raises:
    ValueError: other types, or shapes that don't fit.

Source: the guides' depthwise_conv_3tap.
)");
  module.def("depthwise_conv_3tap", &depthwise_conv_3tap, "x"_a, "kernel"_a, nb::kw_only(),
             "stream"_a = nb::none(),
             R"(depthwise_conv with 3 taps, centred, without bias: the guides' function.

Args:
    x (mx.array): (batch, channels, length); float32, float16 or bfloat16.
    kernel (mx.array): (channels, 3), x's type.
    stream (mx.Stream or mx.Device, optional): where it runs.

Returns:
    mx.array: x's shape and type. Differentiable in both.

Raises:
    ValueError: other types, or shapes that don't fit.
)");
}

}  // namespace anymetal::kernels
