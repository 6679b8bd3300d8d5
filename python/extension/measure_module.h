// src/measure for `anymetal bench` and `anymetal tune`, which are written in Python.
#pragma once

#include <nanobind/nanobind.h>

namespace anymetal::python {

void add_measure(nanobind::module_& module);

}  // namespace anymetal::python
