#include "extension/lint_module.h"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>

#include "extension/unlocked.h"
#include "lint/lint.h"

// What comes in is a dict, as the command makes it from what it found in a file; keys that are
// missing or None are not known. What goes out is a list of dicts, one for each finding.

namespace nb = nanobind;
using namespace nb::literals;

namespace anymetal::python {
namespace {

bool has(const nb::dict& from, const char* key) {
  return from.contains(key) && !from[key].is_none();
}

std::string text(const nb::dict& from, const char* key) {
  return has(from, key) ? nb::cast<std::string>(from[key]) : std::string();
}

std::vector<std::string> names(const nb::dict& from, const char* key) {
  std::vector<std::string> out;
  if (!has(from, key)) return out;
  for (nb::handle name : from[key]) out.push_back(nb::cast<std::string>(name));
  return out;
}

bool flag(const nb::dict& from, const char* key, bool otherwise) {
  return has(from, key) ? nb::cast<bool>(from[key]) : otherwise;
}

std::optional<lint::Size> size(const nb::dict& from, const char* key) {
  if (!has(from, key)) return std::nullopt;
  lint::Size out{1, 1, 1};
  size_t axis = 0;
  for (nb::handle extent : from[key]) {
    if (extent.is_none() || !nb::isinstance<nb::int_>(extent) || axis == 3) return std::nullopt;
    const auto number = nb::cast<int64_t>(extent);
    if (number < 1 || number > UINT32_MAX) return std::nullopt;
    out[axis++] = static_cast<uint32_t>(number);
  }
  return out;
}

/// One entry for each array: a dict with "dtype" and "shape", either of which may be None; or None.
std::vector<lint::ArrayFacts> arrays(const nb::dict& from, const char* key) {
  std::vector<lint::ArrayFacts> out;
  if (!has(from, key)) return out;
  for (nb::handle each : from[key]) {
    lint::ArrayFacts& facts = out.emplace_back();
    if (each.is_none()) continue;
    const auto entry = nb::cast<nb::dict>(each);
    facts.dtype = text(entry, "dtype");
    if (!has(entry, "shape")) continue;
    std::vector<int64_t> shape;
    bool known = true;
    for (nb::handle extent : entry["shape"]) {
      known = known && !extent.is_none() && nb::isinstance<nb::int_>(extent);
      if (known) shape.push_back(nb::cast<int64_t>(extent));
    }
    if (known) facts.shape = std::move(shape);
  }
  return out;
}

std::pair<std::string, lint::TemplateValue> template_argument(const std::string& name,
                                                              nb::handle value) {
  if (nb::isinstance<nb::bool_>(value)) return {name, nb::cast<bool>(value)};
  if (nb::isinstance<nb::int_>(value)) return {name, nb::cast<int64_t>(value)};
  if (nb::isinstance<nb::str>(value)) return {name, nb::cast<std::string>(value)};
  return {name, std::monostate()};
}

/// A dict, or pairs of names and values.
std::vector<std::pair<std::string, lint::TemplateValue>> template_arguments(const nb::dict& from) {
  std::vector<std::pair<std::string, lint::TemplateValue>> out;
  if (!has(from, "template_args")) return out;
  const nb::object given = from["template_args"];
  if (nb::isinstance<nb::dict>(given)) {
    for (auto [key, value] : nb::cast<nb::dict>(given))
      out.push_back(template_argument(nb::cast<std::string>(key), value));
    return out;
  }
  for (nb::handle pair : given)
    out.push_back(template_argument(nb::cast<std::string>(pair[0]), nb::object(pair[1])));
  return out;
}

MathMode math_mode(const nb::dict& from) {
  const std::string word = text(from, "math_mode");
  return word == "fast" ? MathMode::fast : word == "relaxed" ? MathMode::relaxed : MathMode::safe;
}

/// Of the outputs: "outputs" like "inputs", or only their "output_dtypes".
std::vector<lint::ArrayFacts> outputs(const nb::dict& from) {
  std::vector<lint::ArrayFacts> out = arrays(from, "outputs");
  if (!out.empty() || !has(from, "output_dtypes")) return out;
  for (nb::handle dtype : from["output_dtypes"]) {
    lint::ArrayFacts& facts = out.emplace_back();
    if (nb::isinstance<nb::str>(dtype)) facts.dtype = nb::cast<std::string>(dtype);
  }
  return out;
}

lint::Request request_of(const nb::dict& from) {
  return {.is_body = text(from, "kind") != "file",
          .path = text(from, "path"),
          .text = text(from, "text"),
          .header = text(from, "header"),
          .input_names = names(from, "input_names"),
          .output_names = names(from, "output_names"),
          .template_args = template_arguments(from),
          .knows_templates = has(from, "output_dtypes") || has(from, "outputs") ||
                             !template_arguments(from).empty(),
          .ensure_row_contiguous = flag(from, "ensure_row_contiguous", true),
          .atomic_outputs = flag(from, "atomic_outputs", false),
          .has_initial_value = flag(from, "has_initial_value", false),
          .math_mode = math_mode(from),
          .inputs = arrays(from, "inputs"),
          .outputs = outputs(from),
          .threadgroup = size(from, "threadgroup"),
          .grid = size(from, "grid")};
}

nb::dict dict_of(const lint::Range& range, const char* line, const char* column) {
  nb::dict out;
  out[line] = range.line;
  out[column] = range.column;
  out["end_line"] = range.end_line;
  out["end_column"] = range.end_column;
  return out;
}

nb::dict dict_of(const lint::Finding& finding) {
  nb::dict out = dict_of(finding.range, "line", "column");
  out["rule"] = finding.rule;
  out["where"] = finding.in_header ? "header" : "text";
  out["message"] = finding.message;
  out["remedy"] = finding.remedy;
  nb::list fixes;
  for (const lint::Fix& fix : finding.fixes) {
    nb::dict one = dict_of(fix.range, "start_line", "start_column");
    one["text"] = fix.text;
    fixes.append(one);
  }
  out["fixes"] = fixes;
  return out;
}

nb::list lint_kernel(const nb::dict& given) {
  const lint::Request request = request_of(given);
  std::vector<lint::Finding> found;
  {
    const Unlocked unlocked;
    found = lint::lint_kernel(request);
  }
  nb::list out;
  for (const lint::Finding& finding : found) out.append(dict_of(finding));
  return out;
}

}  // namespace

void add_lint(nb::module_& module) {
  module.def("lint_kernel", &lint_kernel, "request"_a);
}

}  // namespace anymetal::python
