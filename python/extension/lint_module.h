// src/lint for `anymetal lint`, which is written in Python.
#pragma once

#include <nanobind/nanobind.h>

namespace anymetal::python {

void add_lint(nanobind::module_& module);

}  // namespace anymetal::python
