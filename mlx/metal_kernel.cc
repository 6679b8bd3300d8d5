// What comes in: names, a body, a header (once), then arrays, a grid and the rest for each call,
// all as MLX's bindings have converted them. What goes out: lazy arrays whose primitive launches
// the kernel. The order of the checks, the types of the exceptions and their texts are MLX's, since
// programs and tests rely on them.
//
// While mx.export_function traces, the call goes on to MLX's own metal_kernel, which makes the
// record that a Mac can import.
#include "mlx/metal_kernel.h"

#include <iostream>
#include <stdexcept>
#include <utility>

#include "api/launch.h"
#include "mlx/fast.h"
#include "mlx/gates.h"
#include "mlx/kernel_primitive.h"
#include "mlx/libmlx.h"
#include "mlx/records.h"

namespace anymetal::mlx {
namespace {

using mx::fast::CustomKernelFunction;
using mx::fast::TemplateArg;

api::TemplateArguments convert(const std::vector<std::pair<std::string, TemplateArg>>& arguments) {
  api::TemplateArguments out;
  for (const auto& [name, value] : arguments) {
    if (auto* number = std::get_if<int>(&value)) {
      out.emplace_back(name, *number);
    } else if (auto* flag = std::get_if<bool>(&value)) {
      out.emplace_back(name, *flag);
    } else {
      out.emplace_back(name, dtype_of(std::get<mx::Dtype>(value)));
    }
  }
  return out;
}

void check_size(const char* what, size_t expected, size_t actual) {
  if (auto complaint = api::size_complaint(what, expected, actual)) {
    throw std::invalid_argument(*complaint);
  }
}

struct Kernel {
  explicit Kernel(api::KernelDefinition definition)
      : family(std::move(definition), api::naming_of(version())) {}

  api::KernelFamily family;
  CustomKernelFunction own;  ///< MLX's, for export

  std::vector<mx::array> operator()(
      const std::vector<mx::array>& inputs, const std::vector<mx::Shape>& output_shapes,
      const std::vector<mx::Dtype>& output_dtypes, std::tuple<int, int, int> grid,
      std::tuple<int, int, int> threadgroup,
      const std::vector<std::pair<std::string, TemplateArg>>& template_args,
      std::optional<float> init_value, bool verbose, const mx::StreamOrDevice& where);
};

std::vector<mx::array> Kernel::operator()(
    const std::vector<mx::array>& inputs, const std::vector<mx::Shape>& output_shapes,
    const std::vector<mx::Dtype>& output_dtypes, std::tuple<int, int, int> grid,
    std::tuple<int, int, int> threadgroup,
    const std::vector<std::pair<std::string, TemplateArg>>& template_args,
    std::optional<float> init_value, bool verbose, const mx::StreamOrDevice& where) {
  if (recording()) {
    return own(inputs, output_shapes, output_dtypes, grid, threadgroup, template_args, init_value,
               verbose, where);
  }
  const auto& definition = family.definition();
  check_size("inputs", definition.input_names.size(), inputs.size());
  check_size("output_shapes", definition.output_names.size(), output_shapes.size());
  check_size("output_dtypes", definition.output_names.size(), output_dtypes.size());
  for (size_t i = 0; i < output_shapes.size(); ++i) {
    const std::string what = "output `" + definition.output_names[i] + "`";
    for (const int64_t dimension : output_shapes[i])
      if (auto complaint = api::dimension_complaint(what, dimension))
        throw std::invalid_argument(*complaint);
  }
  const mx::Stream stream = kernel_stream(where);

  std::vector<api::InputType> types;
  for (const auto& input : inputs)
    types.push_back({dtype_of(input.dtype()), input.ndim(), input.size()});
  std::vector<Dtype> dtypes;
  for (const auto& dtype : output_dtypes) dtypes.push_back(dtype_of(dtype));
  LaunchPlan plan;
  plan.signature = family.signature(types, dtypes, convert(template_args));
  if (verbose) std::cout << api::verbose_text(*plan.signature) << std::flush;
  for (const auto dtype : dtypes) {
    if (dtype == Dtype::float64) throw std::invalid_argument(std::string(api::kNoFloat64));
  }
  plan.grid = {std::get<0>(grid), std::get<1>(grid), std::get<2>(grid)};
  plan.threadgroup = {std::get<0>(threadgroup), std::get<1>(threadgroup), std::get<2>(threadgroup)};
  plan.ensure_row_contiguous = definition.ensure_row_contiguous;
  plan.init_value = init_value;
  return mx::array::make_arrays(output_shapes, output_dtypes,
                                std::make_shared<KernelPrimitive>(stream, std::move(plan)), inputs);
}

}  // namespace

MathMode math_mode_of(const mx::CompileOptions& options) {
  switch (options.math_mode) {
    case mx::MathMode::Relaxed:
      return MathMode::relaxed;
    case mx::MathMode::Fast:
      return MathMode::fast;
    default:
      return MathMode::safe;
  }
}

}  // namespace anymetal::mlx

namespace mlx::core::fast {

CustomKernelFunction metal_kernel(const std::string& name,
                                  const std::vector<std::string>& input_names,
                                  const std::vector<std::string>& output_names,
                                  const std::string& source, const std::string& header,
                                  bool ensure_row_contiguous, bool atomic_outputs,
                                  const CompileOptions& compile_options) {
  using namespace anymetal::mlx;
  if (output_names.empty()) throw std::invalid_argument(std::string(anymetal::api::kNoOutputs));
  anymetal::api::KernelDefinition definition;
  definition.name = name;
  definition.input_names = input_names;
  definition.output_names = output_names;
  definition.source = source;
  definition.header = header;
  definition.ensure_row_contiguous = ensure_row_contiguous;
  definition.atomic_outputs = atomic_outputs;
  definition.math_mode = math_mode_of(compile_options);
  auto kernel = std::make_shared<Kernel>(std::move(definition));
  static auto* const own = reinterpret_cast<decltype(&metal_kernel)>(original(kMetalKernel));
  kernel->own = own(name, input_names, output_names, source, header, ensure_row_contiguous,
                    atomic_outputs, compile_options);
  return [kernel](const std::vector<array>& inputs, const std::vector<Shape>& output_shapes,
                  const std::vector<Dtype>& output_dtypes, std::tuple<int, int, int> grid,
                  std::tuple<int, int, int> threadgroup,
                  const std::vector<std::pair<std::string, TemplateArg>>& template_args,
                  std::optional<float> init_value, bool verbose, const StreamOrDevice& where) {
    return (*kernel)(inputs, output_shapes, output_dtypes, grid, threadgroup, template_args,
                     init_value, verbose, where);
  };
}

}  // namespace mlx::core::fast

namespace anymetal::mlx {

std::span<const Redirection> kernel_calls() {
  static const Redirection table[] = {
      {kMetalKernel, reinterpret_cast<void*>(&mx::fast::metal_kernel)},
  };
  return table;
}

}  // namespace anymetal::mlx
