#include "anymetal/array.hpp"

#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>

namespace anymetal {

size_t size_of(Dtype dtype) noexcept {
  switch (dtype) {
    case Dtype::bool_:
    case Dtype::uint8:
    case Dtype::int8:
      return 1;
    case Dtype::uint16:
    case Dtype::int16:
    case Dtype::float16:
    case Dtype::bfloat16:
      return 2;
    case Dtype::uint32:
    case Dtype::int32:
    case Dtype::float32:
      return 4;
    case Dtype::uint64:
    case Dtype::int64:
    case Dtype::float64:
    case Dtype::complex64:
      return 8;
  }
  return 0;
}

std::string_view name_of(Dtype dtype) noexcept {
  switch (dtype) {
    case Dtype::bool_:
      return "bool";
    case Dtype::uint8:
      return "uint8";
    case Dtype::uint16:
      return "uint16";
    case Dtype::uint32:
      return "uint32";
    case Dtype::uint64:
      return "uint64";
    case Dtype::int8:
      return "int8";
    case Dtype::int16:
      return "int16";
    case Dtype::int32:
      return "int32";
    case Dtype::int64:
      return "int64";
    case Dtype::float16:
      return "float16";
    case Dtype::bfloat16:
      return "bfloat16";
    case Dtype::float32:
      return "float32";
    case Dtype::float64:
      return "float64";
    case Dtype::complex64:
      return "complex64";
  }
  return "";
}

uint64_t element_count(const Shape& shape) noexcept {
  uint64_t count = 1;
  for (const int64_t extent : shape) count *= static_cast<uint64_t>(extent);
  return count;
}

Strides row_major_strides(const Shape& shape) {
  Strides strides(shape.size());
  int64_t step = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = step;
    step *= shape[i];
  }
  return strides;
}

Array::Array(Dtype dtype, Shape shape) : dtype_(dtype), shape_(std::move(shape)) {
  constexpr size_t kAlignment = 64;
  const size_t bytes = (size() * size_of(dtype) + kAlignment - 1) / kAlignment * kAlignment;
  void* memory = std::aligned_alloc(kAlignment, bytes == 0 ? kAlignment : bytes);
  if (memory == nullptr) throw std::bad_alloc();
  std::memset(memory, 0, bytes);
  memory_ = std::shared_ptr<void>(memory, std::free);
}

void Array::require(Dtype dtype) const {
  if (dtype == dtype_) return;
  throw std::invalid_argument("anymetal::Array: the elements are " + std::string(name_of(dtype_)) +
                              ", not " + std::string(name_of(dtype)));
}

}  // namespace anymetal
