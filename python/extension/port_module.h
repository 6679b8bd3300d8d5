// src/port for `anymetal port`, which writes its modules in Python.
#pragma once

#include <nanobind/nanobind.h>

namespace anymetal::python {

void add_port(nanobind::module_& module);

}  // namespace anymetal::python
