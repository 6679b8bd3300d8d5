// Typed views of memory, as metal_kernel takes them: a pointer, a dtype, a shape and strides in
// elements. Views own nothing; an Array owns its memory and shares it between its copies.
#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "anymetal/export.h"

namespace anymetal {

/// MLX's element types.
enum class Dtype : uint8_t {
  bool_,
  uint8,
  uint16,
  uint32,
  uint64,
  int8,
  int16,
  int32,
  int64,
  float16,
  bfloat16,
  float32,
  float64,  ///< Metal has no double: metal_kernel refuses it, as MLX does
  complex64,
};

/// Bytes of one element.
[[nodiscard]] ANYMETAL_API size_t size_of(Dtype dtype) noexcept;
/// "float32", as NumPy and MLX print it.
[[nodiscard]] ANYMETAL_API std::string_view name_of(Dtype dtype) noexcept;

/// The Dtype of a C++ element type. Half-precision types differ between programs: give a pointer to
/// void and the Dtype.
template <class T>
struct DtypeOf;
template <>
struct DtypeOf<bool> {
  static constexpr Dtype value = Dtype::bool_;
};
template <>
struct DtypeOf<uint8_t> {
  static constexpr Dtype value = Dtype::uint8;
};
template <>
struct DtypeOf<uint16_t> {
  static constexpr Dtype value = Dtype::uint16;
};
template <>
struct DtypeOf<uint32_t> {
  static constexpr Dtype value = Dtype::uint32;
};
template <>
struct DtypeOf<uint64_t> {
  static constexpr Dtype value = Dtype::uint64;
};
template <>
struct DtypeOf<int8_t> {
  static constexpr Dtype value = Dtype::int8;
};
template <>
struct DtypeOf<int16_t> {
  static constexpr Dtype value = Dtype::int16;
};
template <>
struct DtypeOf<int32_t> {
  static constexpr Dtype value = Dtype::int32;
};
template <>
struct DtypeOf<int64_t> {
  static constexpr Dtype value = Dtype::int64;
};
template <>
struct DtypeOf<float> {
  static constexpr Dtype value = Dtype::float32;
};
template <>
struct DtypeOf<double> {
  static constexpr Dtype value = Dtype::float64;
};
template <>
struct DtypeOf<std::complex<float>> {
  static constexpr Dtype value = Dtype::complex64;
};

using Shape = std::vector<int64_t>;  ///< from the slowest dimension to the fastest; empty: a scalar
using Strides =
    std::vector<int64_t>;  ///< in elements, one for each dimension; may be 0 or negative

/// Elements of an array of this shape; 1 for a scalar.
[[nodiscard]] ANYMETAL_API uint64_t element_count(const Shape& shape) noexcept;
/// The strides of an array without gaps whose last dimension is the fastest.
[[nodiscard]] ANYMETAL_API Strides row_major_strides(const Shape& shape);

/// An array to read. The memory must live until the kernel has run.
struct ArrayView {
  const void* data = nullptr;  ///< the element at index 0, 0, ...
  Dtype dtype = Dtype::float32;
  Shape shape;
  Strides strides;  ///< empty: row-major without gaps

  ArrayView() = default;
  ArrayView(const void* data, Dtype dtype, Shape shape, Strides strides = {})
      : data(data), dtype(dtype), shape(std::move(shape)), strides(std::move(strides)) {}
  template <class T>
    requires requires { DtypeOf<T>::value; }
  ArrayView(const T* data, Shape shape, Strides strides = {})
      : ArrayView(data, DtypeOf<T>::value, std::move(shape), std::move(strides)) {}

  [[nodiscard]] uint64_t size() const noexcept { return element_count(shape); }
};

/// An array to write: row-major without gaps.
struct MutableArrayView {
  void* data = nullptr;
  Dtype dtype = Dtype::float32;
  Shape shape;

  MutableArrayView() = default;
  MutableArrayView(void* data, Dtype dtype, Shape shape)
      : data(data), dtype(dtype), shape(std::move(shape)) {}
  template <class T>
    requires requires { DtypeOf<T>::value; }
  MutableArrayView(T* data, Shape shape)
      : MutableArrayView(data, DtypeOf<T>::value, std::move(shape)) {}

  [[nodiscard]] uint64_t size() const noexcept { return element_count(shape); }
};

/// A row-major array that owns its memory. Copies share it.
class ANYMETAL_API Array {
 public:
  Array() = default;
  /// Zeroed memory, aligned to 64 bytes. Throws std::bad_alloc.
  Array(Dtype dtype, Shape shape);

  [[nodiscard]] Dtype dtype() const noexcept { return dtype_; }
  [[nodiscard]] const Shape& shape() const noexcept { return shape_; }
  [[nodiscard]] uint64_t size() const noexcept { return element_count(shape_); }
  [[nodiscard]] void* data() const noexcept { return memory_.get(); }
  /// The elements; throws std::invalid_argument if T is another type than dtype().
  template <class T>
  [[nodiscard]] std::span<T> elements() const {
    require(DtypeOf<T>::value);
    return {static_cast<T*>(memory_.get()), size()};
  }
  [[nodiscard]] ArrayView view() const { return {data(), dtype_, shape_}; }
  [[nodiscard]] MutableArrayView mutable_view() const { return {data(), dtype_, shape_}; }

 private:
  void require(Dtype dtype) const;
  std::shared_ptr<void> memory_;
  Dtype dtype_ = Dtype::float32;
  Shape shape_;
};

}  // namespace anymetal
