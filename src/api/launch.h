// From the text of a kernel to a run of it: `prepare` compiles (or finds the code in a cache),
// `launch` binds arrays in MLX's order and runs the grid on the caller's thread. The C++
// metal_kernel and the MLX adapter both stand on this; it knows arrays as pointers, shapes and
// strides only. Nothing throws; everything may be called from several threads at once.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/signature.h"
#include "runtime/runtime.h"
#include "support/private_api.h"
#include "support/result.h"

namespace anymetal::api {

/// A definition and all the signatures that its calls have had. One for each `metal_kernel(...)`.
class KernelFamily {
 public:
  ANYMETAL_PRIVATE_API explicit KernelFamily(KernelDefinition definition,
                                             Naming naming = Naming::minus_replaced);
  [[nodiscard]] const KernelDefinition& definition() const { return definition_; }
  /// One entry in `inputs` and `outputs` for each name of the definition.
  [[nodiscard]] ANYMETAL_PRIVATE_API std::shared_ptr<const Signature> signature(
      std::span<const InputType> inputs, std::span<const Dtype> outputs,
      const TemplateArguments& template_arguments);

 private:
  KernelDefinition definition_;
  BodyFacts facts_;
  Naming naming_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<const Signature>> signatures_;
};

/// The signature behind a text that was generated elsewhere (a record of mx.export_function): its
/// marks are found again, the header's lines are "KERNEL_NAME.header", the body's
/// "KERNEL_NAME.source".
[[nodiscard]] ANYMETAL_PRIVATE_API Signature read_signature(std::string kernel_name,
                                                            std::string text,
                                                            std::vector<ShapeMentions> inputs,
                                                            MathMode math_mode);

/// Code for one text and math mode. Kept by a cache of this process; keep it for as long as the
/// kernel is launched.
struct PreparedKernel {
  std::shared_ptr<const Signature> signature;
  std::shared_ptr<runtime::Pipeline> pipeline;
};

/// Parses and compiles, or finds it by content: two kernels of one name and different texts are
/// different kernels. Errors: user (the message names the kernel, the diagnostics its lines),
/// unsupported, environment (the body needs MLX's headers, and there is no MLX).
[[nodiscard]] ANYMETAL_PRIVATE_API Result<std::shared_ptr<const PreparedKernel>> prepare(
    std::shared_ptr<const Signature> signature,
    runtime::Device& device = runtime::Device::system());

struct InputBuffer {
  const void* data = nullptr;
  uint64_t bytes = 0;  ///< that may be read from `data` on
  Dtype dtype = Dtype::float32;
  std::span<const int32_t> shape;
  std::span<const int64_t> strides;  ///< in elements
};

struct OutputBuffer {
  void* data = nullptr;  ///< row-major, without gaps
  uint64_t bytes = 0;
  Dtype dtype = Dtype::float32;
  std::span<const int32_t> shape;
};

struct Call {
  std::span<const InputBuffer>
      inputs;  ///< as the kernel is to see them: ensure_row_contiguous is the caller's work
  std::span<const OutputBuffer> outputs;
  std::array<int, 3> grid{1, 1, 1};         ///< in threads
  std::array<int, 3> threadgroup{1, 1, 1};  ///< clamped to the grid in each dimension, as MLX does
  std::optional<float> init_value;          ///< the outputs are filled with it first
};

/// Runs the whole grid before it returns. With ANYMETAL_WARN=coverage it also says on stderr how
/// much of each output was written (no init_value given). Errors: user (threadgroup_complaint's
/// among them), execution, stopped.
[[nodiscard]] ANYMETAL_PRIVATE_API Result<void> launch(const PreparedKernel& kernel,
                                                       const Call& call);

// MLX's texts for what it throws as std::invalid_argument.
// ------------------------------------------------------------

/// "[metal_kernel] Expected `inputs` to have size 2 but got size 1.\n", if the sizes differ.
[[nodiscard]] ANYMETAL_PRIVATE_API std::optional<std::string> size_complaint(std::string_view what,
                                                                             size_t expected,
                                                                             size_t actual);
/// "[metal_kernel] The shape of output `y` has a dimension of -1: it must be from 0 to 2^31 - 1.",
/// if it is such a dimension; MLX doesn't ask.
[[nodiscard]] ANYMETAL_PRIVATE_API std::optional<std::string> dimension_complaint(
    std::string_view what, int64_t dimension);
/// "Thread group size (2048) is greater than  the maximum allowed threads per threadgroup (1024).",
/// if it is.
[[nodiscard]] ANYMETAL_PRIVATE_API std::optional<std::string> threadgroup_complaint(
    const PreparedKernel& kernel, const std::array<int, 3>& threadgroup);
inline constexpr std::string_view kNoOutputs = "[metal_kernel] Must specify at least one output.";
inline constexpr std::string_view kNoFloat64 = "float64 is not supported on the GPU";

/// What metal_kernel prints with verbose=True.
[[nodiscard]] ANYMETAL_PRIVATE_API std::string verbose_text(const Signature& signature);

// Elements.
// -----------------------------------------------------------------------------------------------------------

/// Writes `count` elements of `value`, converted as MLX converts it.
ANYMETAL_PRIVATE_API void fill(void* data, uint64_t count, Dtype dtype, float value);
/// Copies a strided array into a row-major one without gaps.
ANYMETAL_PRIVATE_API void copy_row_major(const void* from, std::span<const int64_t> shape,
                                         std::span<const int64_t> strides, size_t item, void* to);
[[nodiscard]] ANYMETAL_PRIVATE_API bool is_row_contiguous(std::span<const int64_t> shape,
                                                          std::span<const int64_t> strides);

}  // namespace anymetal::api
