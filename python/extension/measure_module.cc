#include "extension/measure_module.h"

#include <nanobind/stl/array.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "api/raise.h"
#include "extension/unlocked.h"
#include "measure/measure.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace anymetal::python {
namespace {

template <class T>
T checked(Result<T> result) {
  if (!result.ok()) api::raise(result.error());
  return std::move(result).value();
}

/// Kernels run and compile without Python's lock.
template <class Call>
auto unlocked(Call call) {
  auto result = [&] {
    const Unlocked unlocked;
    return call();
  }();
  return checked(std::move(result));
}

using Triple = std::array<uint32_t, 3>;

Triple triple(measure::Size size) {
  return {size.x, size.y, size.z};
}

nb::list arguments(const measure::Case& one) {
  nb::list list;
  for (const measure::Argument& argument : one.arguments()) {
    nb::dict entry;
    entry["name"] = argument.name;
    entry["type"] = argument.type;
    entry["shape"] = argument.shape;
    entry["bytes"] = argument.bytes;
    entry["is_const"] = argument.is_const;
    list.append(entry);
  }
  return list;
}

nb::tuple operations(measure::Case& one, double seconds) {
  const auto counted = unlocked([&] { return one.count_operations(seconds); });
  return nb::make_tuple(counted.count, counted.counted_threads, counted.threads);
}

nb::tuple traffic(measure::Case& one) {
  const auto bytes = unlocked([&] { return one.traffic(); });
  return nb::make_tuple(bytes.read, bytes.written);
}

nb::dict difference(const measure::Outputs& first, const measure::Outputs& other) {
  const measure::Difference found = measure::compare(first, other);
  nb::dict entry;
  entry["same_layout"] = found.same_layout;
  entry["elements"] = found.elements;
  entry["largest"] = found.largest;
  entry["excess"] = found.excess;
  entry["is_exact_kind"] = found.is_exact_kind;
  entry["where"] = found.where;
  return entry;
}

nb::dict machine() {
  const measure::Machine found = measure::machine();
  nb::dict entry;
  entry["device"] = found.device;
  entry["executor"] = found.executor;
  entry["bounds"] = found.bounds;
  entry["threads"] = found.threads;
  return entry;
}

measure::BodyArray array_of(const nb::tuple& from) {
  const auto bytes = nb::cast<nb::bytes>(from[3]);
  return {nb::cast<std::string>(from[0]), nb::cast<std::string>(from[1]),
          nb::cast<std::vector<int32_t>>(from[2]), std::string(bytes.c_str(), bytes.size())};
}

/// From a dict with the members of measure::Body; arrays are (name, dtype, shape, bytes).
void run_body(const nb::dict& from) {
  measure::Body body;
  body.name = nb::cast<std::string>(from["name"]);
  body.source = nb::cast<std::string>(from["source"]);
  body.header = nb::cast<std::string>(from["header"]);
  for (nb::handle each : from["inputs"]) body.inputs.push_back(array_of(nb::cast<nb::tuple>(each)));
  for (nb::handle each : from["outputs"])
    body.outputs.push_back(array_of(nb::cast<nb::tuple>(each)));
  body.templates = nb::cast<std::vector<std::pair<std::string, std::string>>>(from["templates"]);
  body.math_mode = nb::cast<std::string>(from["math_mode"]);
  body.atomic_outputs = nb::cast<bool>(from["atomic_outputs"]);
  body.has_init_value = !from["init_value"].is_none();
  if (body.has_init_value) body.init_value = nb::cast<float>(from["init_value"]);
  const auto grid = nb::cast<std::array<int32_t, 3>>(from["grid"]);
  const auto threadgroup = nb::cast<std::array<int32_t, 3>>(from["threadgroup"]);
  std::copy(grid.begin(), grid.end(), body.grid);
  std::copy(threadgroup.begin(), threadgroup.end(), body.threadgroup);
  Result<void> done;
  {
    const Unlocked unlocked;
    done = measure::run_body(body);
  }
  if (!done.ok()) api::raise(done.error());
}

void start_recording(const std::string& only) {
  const Result<void> started = measure::start_recording(only);
  if (!started.ok()) api::raise(started.error());
}

}  // namespace

void add_measure(nb::module_& module) {
  using measure::Case;
  // NOLINTNEXTLINE(bugprone-unused-raii): the module has it from now on
  nb::class_<measure::Outputs>(module, "Outputs");
  nb::class_<Case>(module, "Case")
      .def_prop_ro("name", &Case::name)
      .def_prop_ro("kernel", &Case::kernel)
      .def_prop_ro("arguments", &arguments)
      .def_prop_ro("grid", [](const Case& one) { return triple(one.grid()); })
      .def_prop_ro("threadgroup", [](const Case& one) { return triple(one.threadgroup()); })
      .def_prop_ro("calls", &Case::calls)
      .def_prop_ro("recorded_seconds", &Case::recorded_seconds)
      .def_prop_ro("max_threads", &Case::max_threads)
      .def_prop_ro("refusal", &Case::refusal)
      .def("first_call", [](Case& one) { return unlocked([&] { return one.first_call(); }); })
      .def("run", [](Case& one) { return unlocked([&] { return one.run(); }); })
      .def("outputs", [](Case& one) { return unlocked([&] { return one.outputs(); }); })
      .def("remember_threadgroup",
           [](Case& one, Triple size) { one.remember_threadgroup({size[0], size[1], size[2]}); })
      .def("traffic", &traffic)
      .def("count_operations", &operations, "seconds"_a)
      .def("with_threadgroup", [](const Case& one, Triple size) {
        return one.with_threadgroup({size[0], size[1], size[2]});
      });
  nb::class_<measure::Limits>(module, "Limits")
      .def(nb::init<>())
      .def("copy",
           [](measure::Limits& limits) {
             const Unlocked unlocked;
             return limits.copy();
           })
      .def("multiply_add", [](measure::Limits& limits) {
        const Unlocked unlocked;
        return limits.multiply_add();
      });
  module.def("start_recording", &start_recording, "only"_a);
  module.def("stop_recording", &measure::stop_recording);
  module.def("launched_names", &measure::launched_names);
  module.def("compare", &difference, "first"_a, "other"_a);
  module.def("machine", &machine);
  module.def("remember", &measure::remember, "key"_a, "name"_a, "text"_a);
  module.def("remembered", &measure::remembered, "key"_a);
  module.def("cache_folder", &measure::cache_folder);
  module.def("run_body", &run_body, "body"_a);
}

}  // namespace anymetal::python
