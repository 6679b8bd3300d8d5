// The guides' first kernel, and the shortest way through this library: arguments are checked, the
// kernel is called, its VJP is given.
#include "anymetal_kernels/exp_elementwise.h"

#include "kernel/arguments.h"
#include "kernel/kernel.h"

namespace anymetal::kernels {
namespace {

constexpr int kThreads = 256;
constexpr uint64_t kRow = 1 << 20;

mx::array forward(const mx::array& a, const mx::StreamOrDevice& stream) {
  const uint64_t count = a.size();
  const bool is_large = count > INT32_MAX - kThreads;
  const auto low = static_cast<uint32_t>(count), high = static_cast<uint32_t>(count >> 32);
  std::array<int, 3> grid = {round_up(static_cast<int>(low & INT32_MAX), kThreads), 1, 1};
  if (is_large) grid = {kRow, static_cast<int>((count + kRow - 1) / kRow), 1};
  return call_kernel("exp_elementwise",
                     {.inputs = {mx::atleast_1d(a, stream), numbers({low, high})},
                      .shapes = {a.shape()},
                      .dtypes = {a.dtype()},
                      .grid = grid,
                      .threadgroup = {kThreads, 1, 1},
                      .arguments = {{"T", a.dtype()}, {"LARGE", is_large}}},
                     stream)[0];
}

}  // namespace

mx::array exp_elementwise(const mx::array& a, mx::StreamOrDevice stream) {
  need_float({"exp_elementwise", "a", a});
  if (a.size() == 0) return a;
  const auto call = mx::custom_vjp(
      [stream](const std::vector<mx::array>& inputs) {
        return std::vector{forward(inputs[0], stream)};
      },
      [stream](const std::vector<mx::array>&, const std::vector<mx::array>& cotangents,
               const std::vector<mx::array>& outputs) {
        return std::vector{mx::multiply(cotangents[0], outputs[0], stream)};
      });
  return call({a})[0];
}

}  // namespace anymetal::kernels
