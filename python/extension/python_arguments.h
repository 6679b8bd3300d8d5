// Python objects as arguments of kernels: numbers, bytes, lists, dicts, and arrays of any library
// by the buffer protocol or by DLPack. No library of arrays is imported for it.
#pragma once

#include <nanobind/nanobind.h>

#include <array>
#include <memory>
#include <vector>

#include "anymetal/library.hpp"

namespace anymetal::python {

/// What keeps the memory of a call's arguments alive: references, exported buffers.
class Owners {
 public:
  Owners() = default;
  Owners(const Owners&) = delete;
  Owners& operator=(const Owners&) = delete;
  ~Owners();

  void keep(nanobind::object object) { objects_.push_back(std::move(object)); }
  /// An empty view that is released with this.
  Py_buffer& new_view();

 private:
  std::vector<nanobind::object> objects_;
  // Most calls have a few; they must not move.
  std::array<Py_buffer, 8> first_views_;
  size_t first_count_ = 0;
  std::vector<std::unique_ptr<Py_buffer>> more_views_;
};

/// Python types that mean something special: set once by the package.
void set_buffer_type(nanobind::object type);

/// Throws nanobind::type_error or std::invalid_argument for what can't be an argument.
[[nodiscard]] KernelArgument to_argument(nanobind::handle object, Owners& owners);

}  // namespace anymetal::python
