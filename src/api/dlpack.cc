#include "anymetal/dlpack.hpp"

#include <fmt/format.h>

#include <optional>
#include <stdexcept>

#include "api/launch.h"

namespace anymetal::dlpack {
namespace {

struct TypeRow {
  Dtype dtype;
  TypeCode code;
  uint8_t bits;
};

constexpr TypeRow kTypes[] = {
    {Dtype::bool_, TypeCode::boolean, 8},
    {Dtype::uint8, TypeCode::unsigned_integer, 8},
    {Dtype::uint16, TypeCode::unsigned_integer, 16},
    {Dtype::uint32, TypeCode::unsigned_integer, 32},
    {Dtype::uint64, TypeCode::unsigned_integer, 64},
    {Dtype::int8, TypeCode::integer, 8},
    {Dtype::int16, TypeCode::integer, 16},
    {Dtype::int32, TypeCode::integer, 32},
    {Dtype::int64, TypeCode::integer, 64},
    {Dtype::float16, TypeCode::real, 16},
    {Dtype::bfloat16, TypeCode::bfloat, 16},
    {Dtype::float32, TypeCode::real, 32},
    {Dtype::float64, TypeCode::real, 64},
    {Dtype::complex64, TypeCode::complex, 64},
};

Dtype dtype_of(const DataType& type) {
  for (const TypeRow& row : kTypes) {
    if (row.code == type.code && row.bits == type.bits && type.lanes == 1) return row.dtype;
  }
  throw std::invalid_argument(
      fmt::format("DLPack: no dtype for type code {} of {} bits and {} lanes",
                  static_cast<int>(type.code), type.bits, type.lanes));
}

DataType type_of(Dtype dtype) {
  for (const TypeRow& row : kTypes) {
    if (row.dtype == dtype) return {.code = row.code, .bits = row.bits, .lanes = 1};
  }
  return {};
}

void require_version(const Version& version) {
  if (version.major <= 1) return;
  throw std::invalid_argument(fmt::format("DLPack {}.{} isn't known here: ask for version 1",
                                          version.major, version.minor));
}

/// An exported array, and the struct that points to it, in one allocation.
template <class Managed>
struct Exported {
  explicit Exported(Array shared)
      : array(std::move(shared)), strides(row_major_strides(array.shape())) {
    managed.context = this;
    managed.deleter = [](Managed* self) { delete static_cast<Exported*>(self->context); };
    managed.tensor = {.data = array.data(),
                      .device = {DeviceType::cpu, 0},
                      .ndim = static_cast<int32_t>(array.shape().size()),
                      .dtype = type_of(array.dtype()),
                      // DLPack's pointers aren't const, and nobody writes to them.
                      .shape = const_cast<int64_t*>(array.shape().data()),
                      .strides = strides.data()};
  }
  Managed managed;
  Array array;
  Strides strides;
};

}  // namespace

ArrayView view(const Tensor& tensor) {
  const DeviceType device = tensor.device.type;
  if (device != DeviceType::cpu && device != DeviceType::cuda_host) {
    throw std::invalid_argument(
        fmt::format("DLPack: the array is on a device of type {}: copy it to the host first",
                    static_cast<int>(device)));
  }
  const Dtype dtype = dtype_of(tensor.dtype);
  Shape shape(tensor.shape, tensor.shape + tensor.ndim);
  Strides strides;
  if (tensor.strides != nullptr) strides.assign(tensor.strides, tensor.strides + tensor.ndim);
  return {static_cast<const char*>(tensor.data) + tensor.byte_offset, dtype, std::move(shape),
          std::move(strides)};
}

MutableArrayView mutable_view(const Tensor& tensor) {
  ArrayView array = view(tensor);
  if (!array.strides.empty() && !api::is_row_contiguous(array.shape, array.strides)) {
    throw std::invalid_argument("DLPack: an array to write to must be row-major without gaps");
  }
  return {const_cast<void*>(array.data), array.dtype, std::move(array.shape)};
}

Imported::Imported(ManagedTensor* tensor) {
  (void)dlpack::view(tensor->tensor);
  old_ = tensor;
}

Imported::Imported(ManagedTensorVersioned* tensor) {
  require_version(tensor->version);
  (void)dlpack::view(tensor->tensor);
  versioned_ = tensor;
}

Imported::~Imported() {
  if (old_ != nullptr && old_->deleter != nullptr) old_->deleter(old_);
  if (versioned_ != nullptr && versioned_->deleter != nullptr) versioned_->deleter(versioned_);
}

const Tensor& Imported::tensor() const {
  // NOLINTNEXTLINE(clang-analyzer-core.uninitialized.UndefReturn): one of the two is there
  return old_ != nullptr ? old_->tensor : versioned_->tensor;
}

MutableArrayView Imported::mutable_view() const {
  if (versioned_ != nullptr && (versioned_->flags & kReadOnly) != 0) {
    throw std::invalid_argument("DLPack: the array is read-only");
  }
  return dlpack::mutable_view(tensor());
}

ManagedTensor* to_dlpack(Array array) {
  return &(new Exported<ManagedTensor>(std::move(array)))->managed;
}

ManagedTensorVersioned* to_dlpack_versioned(Array array) {
  return &(new Exported<ManagedTensorVersioned>(std::move(array)))->managed;
}

}  // namespace anymetal::dlpack
