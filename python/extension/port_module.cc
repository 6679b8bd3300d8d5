#include "extension/port_module.h"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "api/raise.h"
#include "extension/unlocked.h"
#include "port/port.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace anymetal::python {
namespace {

nb::dict member(const port::Member& from) {
  nb::dict to;
  to["name"] = from.name;
  to["type"] = from.type;
  to["element"] = from.element;
  to["offset"] = from.offset;
  to["size"] = from.size;
  to["count"] = from.count;
  to["elements"] = from.elements;
  return to;
}

nb::dict argument(const port::Argument& from) {
  nb::dict to;
  to["name"] = from.name;
  to["kernel_name"] = from.kernel_name;
  to["declaration"] = from.declaration;
  to["role"] = port::name_of(from.role);
  to["type"] = from.type;
  to["element"] = from.element;
  to["per_unit"] = from.per_unit;
  to["size"] = from.size;
  to["line"] = from.line;
  nb::list members;
  for (const port::Member& each : from.members) members.append(member(each));
  to["members"] = members;
  to["words"] = from.words;
  to["word_count"] = from.word_count;
  to["is_optional"] = from.is_optional;
  to["needs_device"] = from.needs_device;
  to["needs_constant"] = from.needs_constant;
  to["template_name"] = from.template_name;
  to["before"] = from.before;
  to["beside"] = from.beside;
  to["like"] = from.like;
  to["is_threads"] = from.is_threads;
  return to;
}

nb::dict constant(const port::Constant& from) {
  nb::dict to;
  to["name"] = from.name;
  to["type"] = from.type;
  to["line"] = from.line;
  to["in_header"] = from.in_header;
  to["asks_defined"] = from.asks_defined;
  to["template_name"] = from.template_name;
  return to;
}

nb::dict kernel(const port::Kernel& from) {
  nb::dict to;
  to["name"] = from.name;
  to["function"] = from.function;
  to["file"] = from.file;
  to["line"] = from.line;
  to["comment"] = from.comment;
  to["header"] = from.header;
  to["body"] = from.body;
  nb::list arguments, templates, constants, notes;
  for (const port::Argument& each : from.arguments) arguments.append(argument(each));
  for (const port::TemplateArgument& each : from.templates)
    templates.append(nb::make_tuple(each.name, each.kind, each.value));
  for (const port::Constant& each : from.constants) constants.append(constant(each));
  for (const std::string& each : from.notes) notes.append(each);
  to["arguments"] = arguments;
  to["templates"] = templates;
  to["constants"] = constants;
  to["notes"] = notes;
  to["max_threads"] = from.max_threads;
  to["has_atomic_outputs"] = from.has_atomic_outputs;
  to["refusals"] = render(from.refusals);
  return to;
}

nb::dict run_port(const std::string& text, const std::string& path,
                  const std::vector<std::string>& include_dirs,
                  const std::vector<std::pair<std::string, std::string>>& macros,
                  const std::vector<std::string>& kernels) {
  Result<port::Ported> ported = user_error("");
  {
    const Unlocked unlocked;
    ported = port::port({text, path, include_dirs, macros, kernels});
  }
  if (!ported.ok()) api::raise(ported.error());
  nb::dict to;
  nb::list list;
  for (const port::Kernel& each : ported->kernels) list.append(kernel(each));
  to["kernels"] = list;
  to["unknown"] = ported->unknown;
  to["warnings"] = ported->warnings;
  return to;
}

}  // namespace

void add_port(nb::module_& module) {
  module.def("port", &run_port, "text"_a, "path"_a, "include_dirs"_a, "macros"_a, "kernels"_a);
}

}  // namespace anymetal::python
