// anymetal._native: the public C++ API for the package's own modules; what people call is in
// python/anymetal/_library.py. What comes in are Python objects; what goes out are calls of the
// public C++ API, made without Python's lock.
#include <nanobind/nanobind.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/variant.h>
#include <nanobind/stl/vector.h>

#include "anymetal/core.h"
#include "anymetal/library.hpp"
#include "extension/lint_module.h"
#include "extension/measure_module.h"
#include "extension/port_module.h"
#include "extension/python_arguments.h"
#include "extension/unlocked.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace anymetal::python {
namespace {

/// The exception of anymetal/_errors.py for what went wrong. A kernel that Ctrl-C has stopped
/// raises what Python's own handler raises, KeyboardInterrupt.
void raise_kernel_error(const KernelError& error) {
  using Kind = KernelError::Kind;
  if (error.kind() == Kind::stopped && PyErr_CheckSignals() != 0) return;
  const char* name = [&] {
    switch (error.kind()) {
      case Kind::text:
        return "CompileError";
      case Kind::unsupported:
        return "UnsupportedError";
      case Kind::execution:
        return "KernelError";
      case Kind::stopped:
        return "StoppedError";
      case Kind::environment:
        return "EnvironmentFault";
      case Kind::internal:
        return "InternalError";
    }
    return "InternalError";
  }();
  nb::object type = nb::module_::import_("anymetal._errors").attr(name);
  PyErr_SetString(type.ptr(), error.what());
}

void translate(const std::exception_ptr& pointer, void*) {
  try {
    std::rethrow_exception(pointer);
  } catch (const KernelError& error) {
    raise_kernel_error(error);
  }
}

MathMode math_mode(const std::string& name) {
  if (name == "safe") return MathMode::safe;
  if (name == "relaxed") return MathMode::relaxed;
  if (name == "fast") return MathMode::fast;
  throw std::invalid_argument("math_mode is 'safe', 'relaxed' or 'fast', not '" + name + "'");
}

using Macros = std::vector<std::pair<std::string, std::string>>;

Library open(const std::string& text, bool is_path, const std::string& name,
             std::vector<std::string> include_dirs, Macros macros, const std::string& mode) {
  const LibraryOptions options{.name = name,
                               .include_dirs = std::move(include_dirs),
                               .macros = std::move(macros),
                               .math_mode = math_mode(mode)};
  const Unlocked unlocked;
  return is_path ? Library::from_file(text, options) : Library::from_text(text, options);
}

Kernel compile(const Library& library, const std::string& name, const nb::dict& constants) {
  Owners owners;
  ConstantValues values;
  for (auto [key, value] : constants) {
    ConstantKey constant;
    if (nb::isinstance<nb::str>(key)) {
      constant = nb::cast<std::string>(key);
    } else {
      constant = nb::cast<uint32_t>(key);
    }
    values.emplace_back(std::move(constant), to_argument(value, owners));
  }
  const Unlocked unlocked;
  return library.kernel(name, values);
}

using Sizes = std::optional<std::array<int64_t, 3>>;

/// An integer or up to three of them, of what `what` names; None: nothing.
Sizes to_sizes(const char* what, nb::handle object) {
  if (object.is_none()) return std::nullopt;
  std::array<int64_t, 3> sizes{1, 1, 1};
  const auto refuse = [&] {
    PyErr_Clear();
    throw std::invalid_argument(std::string(what) + " is an integer or up to three of them, not " +
                                nb::cast<std::string>(nb::repr(object)));
  };
  const auto one = [&](PyObject* number) -> int64_t {
    const nb::object plain = nb::steal(PyNumber_Index(number));
    if (!plain.is_valid()) refuse();
    const long long value = PyLong_AsLongLong(plain.ptr());
    if (value == -1 && PyErr_Occurred()) refuse();
    return value;
  };
  if (PyIndex_Check(object.ptr())) {
    sizes[0] = one(object.ptr());
    return sizes;
  }
  const nb::object all = nb::steal(PySequence_Tuple(object.ptr()));
  if (!all.is_valid()) refuse();
  const Py_ssize_t count = PyTuple_Size(all.ptr());
  if (count < 1 || count > 3) refuse();
  for (Py_ssize_t i = 0; i < count; ++i) sizes[size_t(i)] = one(PyTuple_GetItem(all.ptr(), i));
  return sizes;
}

/// The argument's own words, behind what it is called: `name()`.
template <class Name>
KernelArgument named_argument(const Kernel& kernel, Name name, nb::handle object, Owners& owners) {
  const auto where = [&] { return "kernel `" + kernel.name() + "`, argument `" + name() + "`: "; };
  try {
    return to_argument(object, owners);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(where() + error.what());
  } catch (const nb::builtin_exception& error) {
    throw nb::type_error((where() + error.what()).c_str());
  }
}

/// What the argument at a place is called: that of the parameters which calls give.
std::string parameter_name(const Kernel& kernel, size_t place) {
  size_t at = 0;
  for (const KernelParameter& p : kernel.parameters()) {
    if (p.kind == KernelParameter::Kind::threadgroup || p.kind == KernelParameter::Kind::input)
      continue;
    if (at++ == place) return p.name;
  }
  return std::to_string(place);
}

void run(const Kernel& kernel, const nb::tuple& arguments, const nb::dict& named, nb::handle grid,
         nb::handle threadgroups, nb::handle indirect, nb::handle threadgroup,
         nb::handle threadgroup_memory) {
  Owners owners;
  KernelCall call{.grid = to_sizes("grid", grid),
                  .threadgroups = to_sizes("threadgroups", threadgroups),
                  .threadgroup = to_sizes("threadgroup", threadgroup)};
  if (!threadgroup_memory.is_none())
    call.threadgroup_memory =
        nb::cast<std::vector<std::pair<uint32_t, uint64_t>>>(threadgroup_memory);
  call.arguments.reserve(arguments.size());
  for (size_t i = 0; i < arguments.size(); ++i)
    call.arguments.push_back(
        named_argument(kernel, [&] { return parameter_name(kernel, i); }, arguments[i], owners));
  for (auto [key, value] : named) {
    if (nb::isinstance<nb::int_>(key)) {
      const auto index = nb::cast<uint32_t>(key);
      call.indexed_arguments.emplace_back(
          index,
          named_argument(kernel, [&] { return "buffer " + std::to_string(index); }, value, owners));
      continue;
    }
    auto name = nb::cast<std::string>(key);
    call.named_arguments.emplace_back(name,
                                      named_argument(kernel, [&] { return name; }, value, owners));
  }
  if (!indirect.is_none()) {
    const KernelArgument memory =
        named_argument(kernel, [] { return std::string("threadgroups"); }, indirect, owners);
    if (const auto* typed = std::get_if<KernelArgument::TypedMemory>(&memory.value)) {
      const ArrayView& view = typed->view;
      if (view.dtype != Dtype::int32 && view.dtype != Dtype::uint32)
        throw std::invalid_argument(
            "threadgroups: an array of numbers of threadgroups has elements of type int32 or "
            "uint32");
      if (!view.strides.empty() && view.strides != row_major_strides(view.shape))
        throw std::invalid_argument(
            "threadgroups: the numbers come from an array without gaps: pass a contiguous copy");
      call.indirect_threadgroups = {const_cast<void*>(typed->view.data), typed->view.size() * 4,
                                    true};
    } else if (const auto* raw = std::get_if<KernelArgument::RawMemory>(&memory.value)) {
      call.indirect_threadgroups = *raw;
    } else {
      throw std::invalid_argument(
          "threadgroups: a tuple of three numbers, or an array that holds them");
    }
  }
  const Unlocked unlocked;
  kernel(call);
}

Texture make_texture(const std::string& format, const std::string& type,
                     std::array<uint32_t, 5> sizes) {
  return Texture({.format = format,
                  .type = type,
                  .width = sizes[0],
                  .height = sizes[1],
                  .depth = sizes[2],
                  .array_length = sizes[3],
                  .levels = sizes[4]});
}

void replace_texels(Texture& texture, nb::handle memory, uint32_t level, uint32_t slice) {
  Owners owners;
  const KernelArgument argument = to_argument(memory, owners);
  if (const auto* typed = std::get_if<KernelArgument::TypedMemory>(&argument.value)) {
    const ArrayView& view = typed->view;
    if (!view.strides.empty() && view.strides != row_major_strides(view.shape))
      throw std::invalid_argument("texels come from an array without gaps: pass a contiguous copy");
    texture.replace(view.data, view.size() * size_of(view.dtype), level, slice);
  } else if (const auto* raw = std::get_if<KernelArgument::RawMemory>(&argument.value)) {
    texture.replace(raw->data, raw->bytes, level, slice);
  } else if (const auto* bytes = std::get_if<KernelArgument::Bytes>(&argument.value)) {
    texture.replace(bytes->bytes.data(), bytes->bytes.size(), level, slice);
  } else {
    throw std::invalid_argument("texels come from an array or from bytes");
  }
}

nb::bytes get_texels(const Texture& texture, uint32_t level, uint32_t slice) {
  std::vector<char> out(texture.slice_bytes(level));
  texture.get(out.data(), out.size(), level, slice);
  return nb::bytes(out.data(), out.size());
}

/// Words in the order filter, mag_filter, min_filter, mip_filter, border_color, coord,
/// compare_func.
Sampler make_sampler(const std::array<std::string, 7>& words,
                     const std::array<std::string, 3>& address, std::array<float, 2> lod) {
  return Sampler({.filter = words[0],
                  .mag_filter = words[1],
                  .min_filter = words[2],
                  .mip_filter = words[3],
                  .address = address,
                  .border_color = words[4],
                  .coord = words[5],
                  .compare_func = words[6],
                  .lod_min = lod[0],
                  .lod_max = lod[1]});
}

const char* kind_name(KernelParameter::Kind kind) {
  constexpr const char* kNames[] = {"buffer", "threadgroup", "input", "texture", "sampler"};
  return kNames[static_cast<int>(kind)];
}

nb::list parameters(const Kernel& kernel) {
  nb::list list;
  for (const KernelParameter& p : kernel.parameters()) {
    nb::dict one;
    one["name"] = p.name;
    one["kind"] = kind_name(p.kind);
    one["type"] = p.type;
    one["element"] = p.element;
    one["declaration"] = p.declaration;
    one["index"] = p.index;
    one["size"] = p.size;
    one["is_const"] = p.is_const;
    one["is_reference"] = p.is_reference;
    one["is_optional"] = p.is_optional;
    one["line"] = p.line;
    nb::list members;
    for (const KernelParameter::Member& m : p.members)
      members.append(nb::make_tuple(m.name, m.offset, m.size));
    one["members"] = nb::tuple(members);
    list.append(one);
  }
  return list;
}

nb::list function_constants(const Library& library) {
  nb::list list;
  for (const FunctionConstantInfo& c : library.function_constants())
    list.append(nb::make_tuple(c.name, c.index, c.type));
  return list;
}

}  // namespace
}  // namespace anymetal::python

NB_MODULE(_native, module) {
  using namespace anymetal;
  nb::set_leak_warnings(false);  // a daemon thread that the process ends in holds what it runs
  nb::register_exception_translator(anymetal::python::translate, nullptr);
  nb::class_<Library>(module, "Library")
      .def_static("open", &python::open, "text"_a, "is_path"_a, "name"_a, "include_dirs"_a,
                  "macros"_a, "math_mode"_a)
      .def_prop_ro("kernels", &Library::kernels)
      .def_prop_ro("function_constants", &python::function_constants)
      .def_prop_ro("warnings", &Library::warnings)
      .def("kernel", &python::compile, "name"_a, "constants"_a);
  nb::class_<Kernel>(module, "Kernel")
      .def("run", &python::run, "arguments"_a, "named"_a, "grid"_a.none(), "threadgroups"_a.none(),
           "indirect"_a.none(), "threadgroup"_a.none(), "threadgroup_memory"_a.none())
      .def_prop_ro("name", &Kernel::name)
      .def_prop_ro("parameters", &python::parameters)
      .def_prop_ro("place", &Kernel::place)
      .def_prop_ro("max_total_threads_per_threadgroup", &Kernel::max_total_threads_per_threadgroup)
      .def_prop_ro("static_threadgroup_memory", &Kernel::static_threadgroup_memory)
      .def_prop_ro("thread_execution_width", &Kernel::thread_execution_width);
  nb::class_<Texture>(module, "Texture")
      .def_static("make", &python::make_texture, "format"_a, "type"_a, "sizes"_a)
      .def_prop_ro("texel_bytes", &Texture::texel_bytes)
      .def_prop_ro("slices", &Texture::slices)
      .def("slice_bytes", &Texture::slice_bytes, "level"_a)
      .def("replace", &python::replace_texels, "memory"_a, "level"_a, "slice"_a)
      .def("get", &python::get_texels, "level"_a, "slice"_a);
  nb::class_<Sampler>(module, "Sampler")
      .def_static("make", &python::make_sampler, "words"_a, "address"_a, "lod"_a);
  module.def("set_buffer_type", &python::set_buffer_type);
  module.def("launches", &library_launches);
  module.def("install_interrupt_handler", &am_install_interrupt_handler);
  python::add_lint(module);
  python::add_measure(module);
  python::add_port(module);
}
