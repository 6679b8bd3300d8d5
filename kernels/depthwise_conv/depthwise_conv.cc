// The convolution, and its VJP: of x a convolution with the taps turned round, of w and bias sums.
#include "anymetal_kernels/depthwise_conv.h"

#include <algorithm>
#include <string>

#include "kernel/arguments.h"
#include "kernel/kernel.h"

namespace anymetal::kernels {
namespace {

constexpr std::string_view kName = "depthwise_conv";
constexpr int kMostTaps = 64;

/// A threadgroup of 256 threads: along the row, and where that is short several rows.
std::array<int, 3> threadgroup_of(const mx::array& x) {
  const int along = std::min(256, round_up(x.shape(2), 32));
  return {along, std::max(1, std::min(256 / along, x.shape(1))), 1};
}

mx::array convolve(const mx::array& x, const mx::array& w, const std::optional<mx::array>& bias,
                   int left, const mx::StreamOrDevice& stream) {
  const int channels = x.shape(1), length = x.shape(2);
  return call_kernel(
      "depthwise_conv",
      {.inputs = {x, w, bias.value_or(w),
                  numbers({static_cast<uint32_t>(length), static_cast<uint32_t>(channels)})},
       .shapes = {x.shape()},
       .dtypes = {x.dtype()},
       .grid = {length, channels, x.shape(0)},
       .threadgroup = threadgroup_of(x),
       .arguments =
           {{"T", x.dtype()}, {"K", w.shape(1)}, {"LEFT", left}, {"BIAS", bias.has_value()}}},
      stream)[0];
}

std::vector<mx::array> differentiate(const std::vector<mx::array>& inputs, const mx::array& gy,
                                     int left, const mx::StreamOrDevice& stream) {
  const mx::array &x = inputs[0], &w = inputs[1];
  const int channels = w.shape(0), taps = w.shape(1);
  const auto turned = mx::slice(w, {0, taps - 1}, {channels, -taps - 1}, {1, -1}, stream);
  auto sums = call_kernel(
      "depthwise_conv_vjp",
      {.inputs = {x, gy,
                  numbers({static_cast<uint32_t>(x.shape(2)), static_cast<uint32_t>(channels),
                           static_cast<uint32_t>(x.shape(0))})},
       .shapes = {{channels, taps}, {channels}},
       .dtypes = {x.dtype(), x.dtype()},
       .grid = {32, channels, 1},
       .threadgroup = {32, 1, 1},
       .arguments = {{"T", x.dtype()}, {"K", taps}, {"LEFT", left}}},
      stream);
  std::vector<mx::array> result = {convolve(gy, turned, std::nullopt, taps - 1 - left, stream),
                                   sums[0]};
  if (inputs.size() > 2) result.push_back(sums[1]);
  return result;
}

void check(const mx::array& x, const mx::array& w, const std::optional<mx::array>& bias, int left) {
  need_float({kName, "x", x});
  need_rank({kName, "x", x}, 3, 3);
  need_same_dtype({kName, "w", w}, {kName, "x", x});
  need_rank({kName, "w", w}, 2, 2);
  if (w.shape(0) != x.shape(1))
    refuse({kName, "w", w},
           "(channels, taps) with x's " + std::to_string(x.shape(1)) + " channels");
  if (w.shape(1) < 1 || w.shape(1) > kMostTaps) refuse({kName, "w", w}, "1 to 64 taps");
  if (left < 0 || left >= w.shape(1))
    refuse(kName, "left", std::to_string(left), "0 to " + std::to_string(w.shape(1) - 1));
  if (!bias) return;
  need_same_dtype({kName, "bias", *bias}, {kName, "x", x});
  if (bias->ndim() != 1 || bias->shape(0) != x.shape(1))
    refuse({kName, "bias", *bias}, "one number for each of x's channels");
}

}  // namespace

mx::array depthwise_conv(const mx::array& x, const mx::array& w,
                         const std::optional<mx::array>& bias, std::optional<int> left_taps,
                         mx::StreamOrDevice stream) {
  const int left = left_taps.value_or(w.ndim() == 2 ? std::max(0, (w.shape(1) - 1) / 2) : 0);
  check(x, w, bias, left);
  if (x.size() == 0) return x;
  const auto call = mx::custom_vjp(
      [left, stream](const std::vector<mx::array>& inputs) {
        const auto bias = inputs.size() > 2 ? std::optional(inputs[2]) : std::nullopt;
        return std::vector{convolve(inputs[0], inputs[1], bias, left, stream)};
      },
      [left, stream](const std::vector<mx::array>& inputs, const std::vector<mx::array>& cotangents,
                     const std::vector<mx::array>&) {
        return differentiate(inputs, cotangents[0], left, stream);
      });
  return call(bias ? std::vector{x, w, *bias} : std::vector{x, w})[0];
}

mx::array depthwise_conv_3tap(const mx::array& x, const mx::array& kernel,
                              mx::StreamOrDevice stream) {
  if (kernel.ndim() != 2 || kernel.shape(1) != 3)
    refuse({"depthwise_conv_3tap", "kernel", kernel}, "(channels, 3)");
  return depthwise_conv(x, kernel, std::nullopt, 1, stream);
}

}  // namespace anymetal::kernels
