#include "tools/body_file.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <sstream>

namespace anymetal::tools {
namespace {

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") + 1 - first);
}

std::optional<Dtype> parse_dtype(std::string_view name) {
  if (name == "bool") return Dtype::bool_;
  for (auto dtype = Dtype::bool_; dtype <= Dtype::complex64;
       dtype = Dtype(static_cast<int>(dtype) + 1)) {
    if (name == name_of(dtype)) return dtype;
  }
  return std::nullopt;
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::vector<uint64_t>> parse_shape(std::string_view text) {
  std::vector<uint64_t> shape;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const auto size = parse_number<uint64_t>(trimmed(text.substr(0, comma)));
    if (!size) return std::nullopt;
    shape.push_back(*size);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return shape;
}

}  // namespace

std::vector<std::string> leading_options(std::string_view text) {
  std::vector<std::string> words;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    const std::string_view rest = trimmed(line);
    if (!rest.starts_with("//!")) break;
    // Others are remarks for people.
    if (!trimmed(rest.substr(3)).starts_with('-')) continue;
    std::istringstream stream{std::string(rest.substr(3))};
    for (std::string word; stream >> word;) words.push_back(word);
  }
  return words;
}

api::InputType NamedArray::type() const {
  uint64_t size = 1;
  for (const uint64_t extent : shape) size *= extent;
  return {.dtype = dtype, .ndim = shape.size(), .size = size};
}

Result<NamedArray> parse_array(std::string_view text) {
  const auto wrong = [&](std::string_view what) {
    return user_error(fmt::format(
        "'{}': {}; write NAME:TYPE[SHAPE] as in x:float32[2,3], or x:float32 for a scalar", text,
        what));
  };
  const size_t colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos) return wrong("there is no name before a ':'");
  NamedArray array{.name = std::string(text.substr(0, colon))};
  std::string_view type = text.substr(colon + 1);
  if (const size_t open = type.find('['); open != std::string_view::npos) {
    if (type.back() != ']') return wrong("the shape has no ']'");
    auto shape = parse_shape(type.substr(open + 1, type.size() - open - 2));
    if (!shape) return wrong("the shape must be whole numbers with commas between them");
    array.shape = std::move(*shape);
    type = type.substr(0, open);
  }
  const auto dtype = parse_dtype(type);
  if (!dtype) return wrong(fmt::format("there is no type '{}'", type));
  array.dtype = *dtype;
  return array;
}

Result<std::pair<std::string, api::TemplateValue>> parse_template(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals != 0 && equals != std::string_view::npos) {
    std::string name(text.substr(0, equals));
    const std::string_view value = text.substr(equals + 1);
    if (value == "true" || value == "false") {
      return std::pair{std::move(name), api::TemplateValue(value == "true")};
    }
    if (const auto number = parse_number<int>(value)) {
      return std::pair{std::move(name), api::TemplateValue(*number)};
    }
    if (const auto dtype = parse_dtype(value)) {
      return std::pair{std::move(name), api::TemplateValue(*dtype)};
    }
  }
  return user_error(fmt::format(
      "'{}': write NAME=VALUE; the value is a type (float32), an int (4), true or false", text));
}

Result<std::pair<ConstantKey, KernelArgument>> parse_constant(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals != 0 && equals != std::string_view::npos) {
    const std::string_view name = text.substr(0, equals), value = text.substr(equals + 1);
    const auto index = parse_number<uint32_t>(name);
    ConstantKey key = index ? ConstantKey(*index) : ConstantKey(std::string(name));
    const auto with = [&](auto number) {
      return std::pair<ConstantKey, KernelArgument>(std::move(key), number);
    };
    if (value == "true" || value == "false") return with(value == "true");
    if (const auto number = parse_number<int64_t>(value)) return with(*number);
    if (const auto number = parse_number<double>(value)) return with(*number);
  }
  return user_error(fmt::format(
      "'{}': write NAME=VALUE or INDEX=VALUE; the value is a number, true or false", text));
}

}  // namespace anymetal::tools
