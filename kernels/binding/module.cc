// anymetal._kernels: the library's functions for Python. Its arrays are MLX's own objects, since
// both modules share nanobind's domain.
#include "anymetal_kernels/api.h"
#include "binding/binding.h"
#include "binding/subjects.h"
#include "kernel/kernel_text.h"

NB_MODULE(_kernels, module) {
  module.doc() = "Kernels on MLX's arrays; anymetal.kernels is what is imported.";
  nb::exception<anymetal::kernels::NoBackEnd>(module, "NoBackEndError", PyExc_RuntimeError)
      .attr("__doc__") = "Nothing runs Metal kernels in this process; the text says what to do.";
  nb::set_leak_warnings(false);
  anymetal::kernels::bind_subjects(module);
  module.def("_kernel_names", &anymetal::kernels::kernel_names, "Of all embedded texts.");
  module.def(
      "_kernel_text",
      [](const std::string& name) {
        const auto text = anymetal::kernels::read_kernel_text(name);
        nb::dict result;
        result["inputs"] = text.inputs;
        result["outputs"] = text.outputs;
        result["instances"] = text.instances;
        result["types"] = text.types;
        result["takes_views"] = text.takes_views;
        result["has_atomic_outputs"] = text.has_atomic_outputs;
        result["header"] = text.header;
        result["body"] = text.body;
        return result;
      },
      "name"_a, "Inputs, outputs, instances, header and body of an embedded text.");
}
