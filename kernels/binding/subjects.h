// Which subjects have functions in Python; CMakeLists.txt lists them.
#pragma once

#include <nanobind/nanobind.h>

namespace nb = nanobind;

namespace anymetal::kernels {

void bind_subjects(nb::module_& module);

}  // namespace anymetal::kernels
