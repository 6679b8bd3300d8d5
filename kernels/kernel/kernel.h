// A kernel that is made once and called often: an embedded text behind MLX's metal_kernel.
//
// What comes in: the name of a .metal file (kernel_text.h), and for each call arrays, shapes, a
// grid. What goes out: lazy arrays. Why this way: MLX's own call, so that the same library runs
// through anymetal here and through MLX on a Mac; and one place that knows what it means when MLX
// has no Metal back end.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mlx/fast.h"
#include "mlx/mlx.h"

namespace anymetal::kernels {

namespace mx = ::mlx::core;

struct Launch {
  std::vector<mx::array> inputs;
  std::vector<mx::Shape> shapes;   ///< of the outputs
  std::vector<mx::Dtype> dtypes;   ///< of the outputs
  std::array<int, 3> grid;         ///< in threads
  std::array<int, 3> threadgroup;  ///< at most 1,024 threads
  std::vector<std::pair<std::string, mx::fast::TemplateArg>> arguments = {};
  std::optional<float> init_value = std::nullopt;
};

/// Calls the kernel whose text is NAME.metal. It is made at the first call, and kept for the
/// process. Throws NoBackEnd (anymetal_kernels/api.h).
std::vector<mx::array> call_kernel(std::string_view name, const Launch& launch,
                                   const mx::StreamOrDevice& stream);

/// A small buffer of numbers that a kernel reads: sizes, flags.
mx::array numbers(std::initializer_list<uint32_t> values);

/// `count` rounded up to whole steps.
constexpr int round_up(int count, int step) {
  return (count + step - 1) / step * step;
}

}  // namespace anymetal::kernels
