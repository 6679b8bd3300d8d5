// Two kernels of one element a thread: the cap and its slope.
#include "anymetal_kernels/soft_cap.h"

#include <cmath>
#include <string>

#include "kernel/arguments.h"
#include "kernel/kernel.h"

namespace anymetal::kernels {
namespace {

constexpr int kThreads = 256;
constexpr uint64_t kRow = 1 << 20;

/// `name` with `arrays`, the cap and the size: one output like x.
mx::array call_elementwise(std::string_view name, const std::vector<mx::array>& arrays, float cap,
                           const mx::StreamOrDevice& stream) {
  const mx::array& x = arrays[0];
  const uint64_t count = x.size();
  const bool is_large = count > INT32_MAX - kThreads;
  const auto low = static_cast<uint32_t>(count), high = static_cast<uint32_t>(count >> 32);
  std::array<int, 3> grid = {round_up(static_cast<int>(low & INT32_MAX), kThreads), 1, 1};
  if (is_large) grid = {kRow, static_cast<int>((count + kRow - 1) / kRow), 1};
  Launch launch{.inputs = {},
                .shapes = {x.shape()},
                .dtypes = {x.dtype()},
                .grid = grid,
                .threadgroup = {kThreads, 1, 1},
                .arguments = {{"T", x.dtype()}, {"LARGE", is_large}}};
  // A kernel sees a single value as one, not as a buffer.
  for (const auto& each : arrays) launch.inputs.push_back(mx::atleast_1d(each, stream));
  launch.inputs.push_back(mx::array({cap, static_cast<float>(1.0 / cap)}));
  launch.inputs.push_back(numbers({low, high}));
  return call_kernel(name, launch, stream)[0];
}

}  // namespace

mx::array soft_cap(const mx::array& x, float cap, mx::StreamOrDevice stream) {
  need_float({"soft_cap", "x", x});
  if (!(cap > 0) || !std::isfinite(1 / cap) || !std::isfinite(cap))
    refuse("soft_cap", "cap", std::to_string(cap), "a finite number greater than 0");
  if (x.size() == 0) return x;
  const auto call = mx::custom_vjp(
      [cap, stream](const std::vector<mx::array>& inputs) {
        return std::vector{call_elementwise("soft_cap", {inputs[0]}, cap, stream)};
      },
      [cap, stream](const std::vector<mx::array>& inputs, const std::vector<mx::array>& cotangents,
                    const std::vector<mx::array>&) {
        return std::vector{
            call_elementwise("soft_cap_vjp", {inputs[0], cotangents[0]}, cap, stream)};
      });
  return call({x})[0];
}

}  // namespace anymetal::kernels
