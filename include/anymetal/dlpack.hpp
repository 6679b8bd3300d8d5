// Arrays from and to other libraries by DLPack (https://dmlc.github.io/dlpack/latest/c_api.html),
// without copies. The structs have DLPack's layout, so a pointer to the struct of dlpack.h may be
// cast to ours. Both forms are there: the old one (DLManagedTensor) and that of version 1
// (DLManagedTensorVersioned).
#pragma once

#include <cstdint>
#include <utility>

#include "anymetal/array.hpp"
#include "anymetal/export.h"

namespace anymetal::dlpack {

/// Where the memory is. We read what the host can reach.
enum class DeviceType : int32_t { cpu = 1, cuda = 2, cuda_host = 3, metal = 8 };

struct Device {
  DeviceType type = DeviceType::cpu;
  int32_t id = 0;
};

enum class TypeCode : uint8_t {
  integer = 0,
  unsigned_integer = 1,
  real = 2,
  handle = 3,
  bfloat = 4,
  complex = 5,
  boolean = 6
};

struct DataType {
  TypeCode code = TypeCode::real;
  uint8_t bits = 32;
  uint16_t lanes = 1;
};

struct Tensor {
  void* data = nullptr;
  Device device;
  int32_t ndim = 0;
  DataType dtype;
  int64_t* shape = nullptr;
  int64_t* strides = nullptr;  ///< in elements; null: row-major without gaps
  uint64_t byte_offset = 0;
};

struct ManagedTensor {
  Tensor tensor;
  void* context = nullptr;
  void (*deleter)(ManagedTensor*) = nullptr;
};

struct Version {
  uint32_t major = 1;
  uint32_t minor = 0;
};

inline constexpr uint64_t kReadOnly = 1;
inline constexpr uint64_t kCopied = 2;

struct ManagedTensorVersioned {
  Version version;
  void* context = nullptr;
  void (*deleter)(ManagedTensorVersioned*) = nullptr;
  uint64_t flags = 0;
  Tensor tensor;
};

static_assert(sizeof(Tensor) == 48 && sizeof(ManagedTensor) == 64 &&
              sizeof(ManagedTensorVersioned) == 80);

/// The array behind a tensor; the tensor keeps the memory. Throws std::invalid_argument if the host
/// can't reach it, or if MLX has no such element type.
[[nodiscard]] ANYMETAL_API ArrayView view(const Tensor& tensor);

/// The same, to write to. Throws std::invalid_argument also if it isn't row-major without gaps.
[[nodiscard]] ANYMETAL_API MutableArrayView mutable_view(const Tensor& tensor);

/// A tensor that another library has handed over. Gives it back when it ends. Move-only.
class ANYMETAL_API Imported {
 public:
  /// Throw std::invalid_argument as `view` does, or for a version of DLPack after 1; the tensor
  /// then stays the caller's.
  explicit Imported(ManagedTensor* tensor);
  explicit Imported(ManagedTensorVersioned* tensor);
  ~Imported();
  Imported(Imported&& other) noexcept
      : old_(std::exchange(other.old_, nullptr)),
        versioned_(std::exchange(other.versioned_, nullptr)) {}
  Imported& operator=(Imported&& other) noexcept {
    std::swap(old_, other.old_);
    std::swap(versioned_, other.versioned_);
    return *this;
  }
  Imported(const Imported&) = delete;
  Imported& operator=(const Imported&) = delete;

  [[nodiscard]] ArrayView view() const { return dlpack::view(tensor()); }
  /// Throws std::invalid_argument also for a read-only tensor.
  [[nodiscard]] MutableArrayView mutable_view() const;

 private:
  [[nodiscard]] const Tensor& tensor() const;
  ManagedTensor* old_ = nullptr;
  ManagedTensorVersioned* versioned_ = nullptr;
};

/// Hands an array to another library, which calls the tensor's deleter when it is done. The memory
/// is shared.
[[nodiscard]] ANYMETAL_API ManagedTensor* to_dlpack(Array array);
[[nodiscard]] ANYMETAL_API ManagedTensorVersioned* to_dlpack_versioned(Array array);

}  // namespace anymetal::dlpack
