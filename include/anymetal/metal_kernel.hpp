// anymetal::metal_kernel: MLX's mx.fast.metal_kernel on plain arrays, without MLX. The body of a
// Metal kernel and the names of its inputs and outputs come in; the signature is generated exactly
// as MLX does it, so a body that runs here runs there.
//
//   auto kernel = anymetal::metal_kernel({
//       .name = "myexp",
//       .input_names = {"inp"},
//       .output_names = {"out"},
//       .source = "uint i = thread_position_in_grid.x; out[i] = metal::exp(inp[i]);",
//   });
//   std::vector<float> x = ...;
//   auto outputs = kernel({
//       .inputs = {{x.data(), {64}}},
//       .output_shapes = {{64}},
//       .output_dtypes = {anymetal::Dtype::float32},
//       .grid = {64, 1, 1},
//       .threadgroup = {32, 1, 1},
//   });
//   outputs[0].elements<float>()[0];
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "anymetal/array.hpp"
#include "anymetal/export.h"
#include "anymetal/math_mode.hpp"

namespace anymetal {

/// What the compiler or the kernel itself did wrong. Wrong arguments are std::invalid_argument,
/// with MLX's texts.
class ANYMETAL_API KernelError : public std::runtime_error {
 public:
  enum class Kind {
    text,         ///< the source doesn't compile: what() shows the line with a caret
    unsupported,  ///< legal Metal that can't be run yet
    execution,    ///< the kernel did something wrong while it ran: an access outside a buffer
    stopped,      ///< Ctrl-C, ANYMETAL_TIMEOUT
    environment,  ///< the machine lacks something: memory, MLX's headers
    internal,     ///< a fault of anymetal
  };
  KernelError(Kind kind, const std::string& what) : std::runtime_error(what), kind_(kind) {}
  [[nodiscard]] Kind kind() const noexcept { return kind_; }

 private:
  Kind kind_;
};

/// What metal_kernel takes. Names, meaning and defaults are MLX's.
struct MetalKernelOptions {
  std::string name;                       ///< of the kernel, in messages and in its function's name
  std::vector<std::string> input_names;   ///< what the body calls the inputs
  std::vector<std::string> output_names;  ///< at least one
  std::string source;                     ///< the body, without a signature
  std::string header;  ///< what stands before the function: includes, functions, constants
  bool ensure_row_contiguous = true;  ///< inputs with gaps or another order are copied first
  bool atomic_outputs = false;        ///< outputs are `device atomic<T>*`
  MathMode math_mode = MathMode::safe;
};

/// An int, a bool or a type.
using TemplateArgument = std::pair<std::string, std::variant<int, bool, Dtype>>;

/// One launch.
struct MetalKernelCall {
  std::vector<ArrayView> inputs;  ///< one for each input name

  std::vector<Shape> output_shapes;  ///< one for each output name
  std::vector<Dtype> output_dtypes;  ///< likewise
  /// Memory for the outputs, instead of output_shapes and output_dtypes. Must not overlap the
  /// inputs.
  std::vector<MutableArrayView> outputs;

  std::array<int, 3> grid{1, 1, 1};         ///< threads, not threadgroups
  std::array<int, 3> threadgroup{1, 1, 1};  ///< threads; at most 1,024 together
  std::vector<TemplateArgument> template_args;
  std::optional<float>
      init_value;  ///< the outputs hold it before the kernel runs; without it they hold anything
  bool verbose = false;  ///< prints the generated text on stdout
};

/// A kernel and the code that its calls have needed so far. Copies share it. Calls are thread-safe.
class ANYMETAL_API MetalKernel {
 public:
  /// Compiles at the first call with these dtypes, runs, and returns when the outputs are written:
  /// arrays of its own, or none if the call brings its outputs. Throws std::invalid_argument,
  /// KernelError, std::bad_alloc.
  std::vector<Array> operator()(const MetalKernelCall& call) const;

  /// The text that such a call compiles, byte by byte MLX's. Nothing is compiled or run.
  [[nodiscard]] std::string generated_text(const MetalKernelCall& call) const;

  class State;

 private:
  friend ANYMETAL_API MetalKernel metal_kernel(MetalKernelOptions options);
  explicit MetalKernel(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

/// Throws std::invalid_argument if there is no output name. The text is looked at when the kernel
/// is called.
[[nodiscard]] ANYMETAL_API MetalKernel metal_kernel(MetalKernelOptions options);

}  // namespace anymetal
