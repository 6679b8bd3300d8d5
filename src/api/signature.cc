#include "api/signature.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>

// What comes in: a definition (body, header, names) and the types of one call. What goes out: the
// text that MLX would generate for them. Each rule below is MLX's
// (mlx/backend/common/metal_kernel.cpp of 0.32), also where it is a fault: a kernel that compiles
// here must compile on a Mac, and one that doesn't there must not here.

namespace anymetal::api {
namespace {

struct Attribute {
  std::string_view name;
  std::string_view type;
};

// Table 5.8 of the Metal Shading Language Specification, in MLX's order.
constexpr std::array<Attribute, 20> kAttributes{{
    {"dispatch_quadgroups_per_threadgroup", "uint"},
    {"dispatch_simdgroups_per_threadgroup", "uint"},
    {"dispatch_threads_per_threadgroup", "uint3"},
    {"grid_origin", "uint3"},
    {"grid_size", "uint3"},
    {"quadgroup_index_in_threadgroup", "uint"},
    {"quadgroups_per_threadgroup", "uint"},
    {"simdgroup_index_in_threadgroup", "uint"},
    {"simdgroups_per_threadgroup", "uint"},
    {"thread_execution_width", "uint"},
    {"thread_index_in_quadgroup", "uint"},
    {"thread_index_in_simdgroup", "uint"},
    {"thread_index_in_threadgroup", "uint"},
    {"thread_position_in_grid", "uint3"},
    {"thread_position_in_threadgroup", "uint3"},
    {"threadgroup_position_in_grid", "uint3"},
    {"threadgroups_per_grid", "uint3"},
    {"threads_per_grid", "uint3"},
    {"threads_per_simdgroup", "uint"},
    {"threads_per_threadgroup", "uint3"},
}};

/// "<float, -3, 1>"
std::string template_list(const TemplateArguments& arguments) {
  std::string list = "<";
  for (const auto& [name, value] : arguments) {
    if (list.size() > 1) list += ", ";
    if (const int* number = std::get_if<int>(&value)) {
      list += std::to_string(*number);
    } else if (const bool* flag = std::get_if<bool>(&value)) {
      list += *flag ? "1" : "0";
    } else {
      list += metal_type(std::get<Dtype>(value));
    }
  }
  return list + ">";
}

/// "template <typename T, int n>\n"
std::string template_head(const TemplateArguments& arguments) {
  std::string head = "template <";
  for (const auto& [name, value] : arguments) {
    if (head.back() != '<') head += ", ";
    constexpr std::array<std::string_view, 3> kinds{"int ", "bool ", "typename "};
    head += kinds[value.index()];
    head += name;
  }
  return head + ">\n";
}

/// A template list as a part of a name: brackets and separators become underscores, the last one is
/// dropped.
std::string mangled(std::string_view list, Naming naming) {
  std::string name;
  for (size_t i = 0; i + 1 < list.size(); ++i) {
    const char c = list[i];
    const bool separator = c == ',';
    const bool minus = c == '-' && naming == Naming::minus_replaced;
    name += (c == '<' || separator || minus) ? '_' : c;
    if (separator) ++i;
  }
  return name;
}

std::string kernel_name(const KernelDefinition& definition, const CallTypes& types,
                        std::string_view templates) {
  std::string name = "custom_kernel_" + definition.name;
  if (!templates.empty()) name += "_" + mangled(templates, types.naming);
  for (const InputType& input : types.inputs) {
    name += fmt::format("_{}", metal_type(input.dtype));
    if (input.ndim == 0) {
      name += 's';
    } else if (input.size < kConstantElements) {
      name += 'c';
    }
  }
  for (const Dtype dtype : types.outputs) name += fmt::format("_{}", metal_type(dtype));
  return name;
}

/// Writes the parameters; counts buffers as it goes.
class ParameterWriter {
 public:
  explicit ParameterWriter(std::string& text) : text_(text) {}

  void input(const std::string& name, const InputType& type, const ShapeMentions& mentions) {
    add("  const {} {}{} {} [[buffer({})]],\n",
        type.size < kConstantElements ? "constant" : "device", metal_type(type.dtype),
        type.ndim == 0 ? '&' : '*', name);
    if (type.ndim == 0) return;
    if (mentions.shape) add("  const constant int* {}_shape [[buffer({})]],\n", name);
    if (mentions.strides) add("  const constant int64_t* {}_strides [[buffer({})]],\n", name);
    if (mentions.ndim) add("  const constant int& {}_ndim [[buffer({})]],\n", name);
  }

  /// `last`: the index from which MLX takes a buffer for the last one. It counts arrays only, not
  /// their shapes.
  void output(const std::string& name, Dtype dtype, bool atomic, size_t last, bool attributes) {
    const bool more = index_ < last || attributes;
    add("  device {}{}{}* {} [[buffer({})]]", atomic ? "atomic<" : "", metal_type(dtype),
        atomic ? ">" : "", name);
    text_ += more ? ",\n" : ") {\n";
    if (!more) ++closed_;
  }

  [[nodiscard]] int closed() const { return closed_; }

 private:
  template <class... Arguments>
  void add(std::string_view format, const Arguments&... arguments) {
    const auto index = index_++;
    fmt::format_to(std::back_inserter(text_), fmt::runtime(format), arguments..., index);
  }

  std::string& text_;
  size_t index_ = 0;
  int closed_ = 0;
};

std::string closed_twice(const KernelDefinition& definition) {
  return fmt::format(
      "[metal_kernel] MLX's generator can't write the signature of `{}`: for a kernel with several "
      "outputs, a `_shape`, "
      "`_strides` or `_ndim` of an input and no attribute, it closes the list of parameters with "
      "`) {{` after more than "
      "one output, here as on a Mac. Name an attribute in the source (`thread_position_in_grid`, "
      "in a comment will do)",
      definition.name);
}

/// MLX puts the signature right behind the header, on its last line if that has no end.
std::string header_hint(const KernelDefinition& definition) {
  const std::string& header = definition.header;
  if (header.empty() || header.back() == '\n') return "";
  const size_t start = header.rfind('\n') == std::string::npos ? 0 : header.rfind('\n') + 1;
  const std::string_view line = std::string_view(header).substr(start);
  const size_t first = line.find_first_not_of(" \t");
  const bool directive = first != std::string_view::npos && line[first] == '#';
  if (!directive && line.find("//") == std::string_view::npos) return "";
  return fmt::format(
      "the last line of `{}`'s header has no end, and the generated signature stands behind it: "
      "end the header with a "
      "newline",
      definition.name);
}

/// MLX makes the name a part of the function's, as it is.
std::string name_hint(const KernelDefinition& definition, const std::string& kernel_name) {
  const bool identifier =
      std::ranges::all_of(kernel_name, [](unsigned char c) { return std::isalnum(c) || c == '_'; });
  if (identifier) return "";
  return fmt::format(
      "the kernel's function is called `{}`, which Metal doesn't take for a name: use letters, "
      "digits and underscores in "
      "`{}`, and no negative template arguments with MLX before 0.32.4",
      kernel_name, definition.name);
}

std::string listed(const std::string& kind, const std::vector<std::string>& names) {
  std::string text = kind;
  for (const std::string& name : names) {
    text += fmt::format("{}'{}'", text.size() == kind.size() ? " (" : ", ", name);
  }
  return names.empty() ? text : text + ")";
}

std::string names_of(const KernelDefinition& definition, const TemplateArguments* templates) {
  std::vector<std::string> of_template;
  if (templates) {
    for (const auto& [name, value] : *templates) of_template.push_back(name);
  }
  return listed("input", definition.input_names) + ", " +
         listed("output", definition.output_names) + " or " +
         listed("template argument", of_template);
}

}  // namespace

std::string_view metal_type(Dtype dtype) {
  switch (dtype) {
    case Dtype::bool_:
      return "bool";
    case Dtype::uint8:
      return "uint8_t";
    case Dtype::uint16:
      return "uint16_t";
    case Dtype::uint32:
      return "uint32_t";
    case Dtype::uint64:
      return "uint64_t";
    case Dtype::int8:
      return "int8_t";
    case Dtype::int16:
      return "int16_t";
    case Dtype::int32:
      return "int32_t";
    case Dtype::int64:
      return "int64_t";
    case Dtype::float16:
      return "float16_t";
    case Dtype::bfloat16:
      return "bfloat16_t";
    case Dtype::float32:
      return "float";
    case Dtype::float64:
      return "double";
    case Dtype::complex64:
      return "complex64_t";
  }
  return "";
}

Naming naming_of(std::string_view mlx_version) {
  constexpr std::array<std::string_view, 4> old{"0.32.0", "0.32.1", "0.32.2", "0.32.3"};
  for (const std::string_view version : old) {
    if (mlx_version == version) return Naming::minus_kept;
  }
  return Naming::minus_replaced;
}

BodyFacts read_body(std::string_view source, std::span<const std::string> input_names) {
  const auto mentions = [&](const std::string& word) {
    return source.find(word) != std::string_view::npos;
  };
  BodyFacts facts;
  for (const std::string& name : input_names) {
    facts.inputs.push_back({.shape = mentions(name + "_shape"),
                            .strides = mentions(name + "_strides"),
                            .ndim = mentions(name + "_ndim")});
  }
  for (const Attribute& attribute : kAttributes) {
    if (source.find(attribute.name) == std::string_view::npos) continue;
    facts.attributes.push_back(
        fmt::format("  {} {} [[{}]]", attribute.type, attribute.name, attribute.name));
  }
  return facts;
}

Signature write_signature(const KernelDefinition& definition, const BodyFacts& facts,
                          const CallTypes& types) {
  const bool is_template =
      types.template_arguments != nullptr && !types.template_arguments->empty();
  const std::string templates = is_template ? template_list(*types.template_arguments) : "";
  Signature signature{.name = definition.name,
                      .kernel_name = kernel_name(definition, types, templates),
                      .inputs = facts.inputs,
                      .math_mode = definition.math_mode,
                      .hint = header_hint(definition),
                      .names = names_of(definition, types.template_arguments)};
  const std::string hint = name_hint(definition, signature.kernel_name);
  if (!hint.empty()) signature.hint = hint;
  std::string& text = signature.text;
  text.reserve(definition.header.size() + definition.source.size() + 4096);
  if (!definition.header.empty()) signature.marks.push_back({0, definition.name + ".header", 1});
  text += definition.header;

  const size_t generated = text.size();
  if (is_template) text += template_head(*types.template_arguments);
  text += "[[kernel]] void " + signature.kernel_name + "(\n";
  // A mark stands at the start of a line: what follows an unfinished line of the header belongs to
  // it.
  const bool unfinished = generated > 0 && text[generated - 1] != '\n';
  signature.marks.push_back({unfinished ? text.find('\n', generated) + 1 : generated, "", 1});

  ParameterWriter parameters(text);
  for (size_t i = 0; i < types.inputs.size(); ++i) {
    parameters.input(definition.input_names[i], types.inputs[i], facts.inputs[i]);
  }
  const size_t last = types.inputs.size() + types.outputs.size() - 1;
  for (size_t i = 0; i < types.outputs.size(); ++i) {
    parameters.output(definition.output_names[i], types.outputs[i], definition.atomic_outputs, last,
                      !facts.attributes.empty());
  }
  if (parameters.closed() > 1) signature.fault = closed_twice(definition);
  for (size_t i = 0; i < facts.attributes.size(); ++i) {
    text += facts.attributes[i];
    text += i + 1 < facts.attributes.size() ? ",\n" : ") {\n";
  }

  signature.marks.push_back({text.size(), definition.name + ".source", 1});
  text += definition.source;
  text += "\n";
  signature.marks.push_back({text.size(), "", 1});
  text += "}\n";
  if (is_template) {
    const std::string instance = signature.kernel_name + templates;
    text += fmt::format("\ntemplate [[host_name(\"{0}\")]] [[kernel]] decltype({1}) {1};\n",
                        signature.kernel_name, instance);
  }
  return signature;
}

}  // namespace anymetal::api
