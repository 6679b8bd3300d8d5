// A metal_kernel body without Python's MLX: its arrays are plain bytes.
#include <fmt/format.h>

#include <charconv>
#include <numeric>

#include "api/launch.h"
#include "measure/measure.h"

namespace anymetal::measure {
namespace {

Result<Dtype> dtype_of(const std::string& name) {
  for (int i = 0; i <= static_cast<int>(Dtype::complex64); ++i)
    if (name_of(static_cast<Dtype>(i)) == name) return static_cast<Dtype>(i);
  return user_error(
      fmt::format("`{}` is no type of elements: float32, bfloat16, int32 and so on "
                  "are",
                  name));
}

Result<api::TemplateValue> template_value(const std::string& text) {
  if (text == "true" || text == "True") return api::TemplateValue(true);
  if (text == "false" || text == "False") return api::TemplateValue(false);
  int number = 0;
  const char* end = text.data() + text.size();
  if (std::from_chars(text.data(), end, number).ptr == end) return api::TemplateValue(number);
  ANYMETAL_ASSIGN_OR_RETURN(const Dtype dtype, dtype_of(text));
  return api::TemplateValue(dtype);
}

uint64_t elements_of(const std::vector<int32_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), uint64_t{1}, std::multiplies<>());
}

std::vector<int64_t> row_major(const std::vector<int32_t>& shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

MathMode math_mode_of(const std::string& name) {
  return name == "fast" ? MathMode::fast : name == "relaxed" ? MathMode::relaxed : MathMode::safe;
}

/// Inputs and outputs as launch.h wants them; the body must live on.
struct Arrays {
  std::vector<std::vector<int64_t>> strides;
  std::vector<std::string> memory;  ///< of the outputs
  std::vector<api::InputBuffer> inputs;
  std::vector<api::OutputBuffer> outputs;
  std::vector<api::InputType> input_types;
  std::vector<Dtype> output_types;
};

Result<Arrays> make_arrays(const Body& body) {
  Arrays arrays;
  for (const BodyArray& input : body.inputs) arrays.strides.push_back(row_major(input.shape));
  for (size_t i = 0; i < body.inputs.size(); ++i) {
    const BodyArray& input = body.inputs[i];
    ANYMETAL_ASSIGN_OR_RETURN(const Dtype dtype, dtype_of(input.dtype));
    arrays.input_types.push_back({dtype, input.shape.size(), elements_of(input.shape)});
    arrays.inputs.push_back(
        {input.bytes.data(), input.bytes.size(), dtype, input.shape, arrays.strides[i]});
  }
  arrays.memory.reserve(body.outputs.size());
  for (const BodyArray& output : body.outputs) {
    ANYMETAL_ASSIGN_OR_RETURN(const Dtype dtype, dtype_of(output.dtype));
    std::string& memory =
        arrays.memory.emplace_back(elements_of(output.shape) * size_of(dtype), '\0');
    arrays.output_types.push_back(dtype);
    arrays.outputs.push_back({memory.data(), memory.size(), dtype, output.shape});
  }
  return arrays;
}

}  // namespace

Result<void> run_body(const Body& body) {
  api::KernelDefinition definition{.name = body.name,
                                   .source = body.source,
                                   .header = body.header,
                                   .atomic_outputs = body.atomic_outputs,
                                   .math_mode = math_mode_of(body.math_mode)};
  for (const BodyArray& input : body.inputs) definition.input_names.push_back(input.name);
  for (const BodyArray& output : body.outputs) definition.output_names.push_back(output.name);
  api::TemplateArguments templates;
  for (const auto& [name, text] : body.templates) {
    ANYMETAL_ASSIGN_OR_RETURN(api::TemplateValue value, template_value(text));
    templates.emplace_back(name, value);
  }
  ANYMETAL_ASSIGN_OR_RETURN(const Arrays arrays, make_arrays(body));
  api::KernelFamily family(std::move(definition));
  ANYMETAL_ASSIGN_OR_RETURN(
      const auto kernel,
      api::prepare(family.signature(arrays.input_types, arrays.output_types, templates)));
  const auto& [gx, gy, gz] = body.grid;
  const auto& [tx, ty, tz] = body.threadgroup;
  api::Call call{.inputs = arrays.inputs,
                 .outputs = arrays.outputs,
                 .grid = {gx, gy, gz},
                 .threadgroup = {tx, ty, tz}};
  if (body.has_init_value) call.init_value = body.init_value;
  return api::launch(*kernel, call);
}

}  // namespace anymetal::measure
