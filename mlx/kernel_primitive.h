// A launch as a node of MLX's graph.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "api/launch.h"
#include "mlx/failures.h"
#include "mlx/libmlx.h"
#include "mlx/primitives.h"

namespace anymetal::mlx {

/// Everything about a launch but its arrays.
struct LaunchPlan {
  std::shared_ptr<const api::Signature> signature;
  std::array<int, 3> grid{1, 1, 1};
  std::array<int, 3> threadgroup{1, 1, 1};
  bool ensure_row_contiguous = true;
  std::optional<float> init_value;
};

/// Compiles on the caller's thread, where MLX's Metal back end does it too, so that errors in the
/// text reach the caller of eval at once; then allocates the outputs and puts the run into the
/// stream's queue.
void launch_on_stream(const LaunchPlan& plan, mx::Stream stream,
                      const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs);

/// How many launches this process has run to their end.
[[nodiscard]] uint64_t launches();

class KernelPrimitive final : public mx::Primitive {
 public:
  KernelPrimitive(mx::Stream stream, LaunchPlan plan)
      : mx::Primitive(stream), plan_(std::move(plan)) {}

  void eval_cpu(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) override {
    launch_on_stream(plan_, stream(), inputs, outputs);
  }
  void eval_gpu(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) override {
    launch_on_stream(plan_, stream(), inputs, outputs);
  }
  const char* name() const override { return "AnymetalKernel"; }

  // As MLX's own kernel: these aren't there, and say so in its words. Two launches are never the
  // same to mx.compile.
  std::vector<mx::array> jvp(const std::vector<mx::array>&, const std::vector<mx::array>&,
                             const std::vector<int>&) override;
  std::vector<mx::array> vjp(const std::vector<mx::array>&, const std::vector<mx::array>&,
                             const std::vector<int>&, const std::vector<mx::array>&) override;
  std::pair<std::vector<mx::array>, std::vector<int>> vmap(const std::vector<mx::array>&,
                                                           const std::vector<int>&) override;

 private:
  LaunchPlan plan_;
  LaunchNode node_;
};

/// MLX's element type as ours.
[[nodiscard]] Dtype dtype_of(mx::Dtype dtype);

}  // namespace anymetal::mlx
