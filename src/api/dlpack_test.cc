#include "anymetal/dlpack.hpp"

#include <gtest/gtest.h>

#include <cstddef>

namespace anymetal::dlpack {
namespace {

// Offsets of DLPack's C structs on 64-bit machines, from its specification.
static_assert(offsetof(Tensor, device) == 8 && offsetof(Tensor, ndim) == 16 &&
              offsetof(Tensor, dtype) == 20 && offsetof(Tensor, shape) == 24 &&
              offsetof(Tensor, strides) == 32 && offsetof(Tensor, byte_offset) == 40);
static_assert(offsetof(ManagedTensor, context) == 48 && offsetof(ManagedTensor, deleter) == 56);
static_assert(offsetof(ManagedTensorVersioned, context) == 8 &&
              offsetof(ManagedTensorVersioned, deleter) == 16 &&
              offsetof(ManagedTensorVersioned, flags) == 24 &&
              offsetof(ManagedTensorVersioned, tensor) == 32);

TEST(Dlpack, AnArrayGoesOutAndComesBackWithoutACopy) {
  Array array(Dtype::int16, {2, 3});
  array.elements<int16_t>()[5] = 77;
  const Imported imported(to_dlpack(array));
  const ArrayView view = imported.view();
  EXPECT_EQ(view.data, array.data());
  EXPECT_EQ(view.dtype, Dtype::int16);
  EXPECT_EQ(view.shape, (Shape{2, 3}));
  EXPECT_EQ(view.strides, (Strides{3, 1}));
  EXPECT_EQ(imported.mutable_view().data, array.data());
}

TEST(Dlpack, EveryDtypeKeepsItsName) {
  for (int i = 0; i <= static_cast<int>(Dtype::complex64); ++i) {
    const auto dtype = static_cast<Dtype>(i);
    const Imported imported(to_dlpack_versioned(Array(dtype, {})));
    EXPECT_EQ(imported.view().dtype, dtype) << name_of(dtype);
    EXPECT_TRUE(imported.view().shape.empty());
  }
}

TEST(Dlpack, TheMemoryLivesAsLongAsTheTensor) {
  ManagedTensorVersioned* tensor = nullptr;
  {
    Array array(Dtype::float32, {4});
    array.elements<float>()[3] = 1.5f;
    tensor = to_dlpack_versioned(array);
  }
  EXPECT_EQ(static_cast<const float*>(view(tensor->tensor).data)[3], 1.5f);
  tensor->deleter(tensor);
}

int deleted = 0;

TEST(Dlpack, GivesTheTensorBackOnce) {
  deleted = 0;
  float data[6] = {};
  int64_t shape[] = {3, 2};
  ManagedTensor tensor{.tensor = {.data = data, .ndim = 2, .shape = shape},
                       .deleter = [](ManagedTensor*) { ++deleted; }};
  {
    Imported first(&tensor);
    Imported second(std::move(first));
    EXPECT_TRUE(second.view().strides.empty());
    EXPECT_EQ(deleted, 0);
  }
  EXPECT_EQ(deleted, 1);
}

TEST(Dlpack, ReadsStridesAndOffset) {
  float data[12] = {};
  int64_t shape[] = {2, 3}, strides[] = {1, 4};
  const Tensor tensor{
      .data = data, .ndim = 2, .shape = shape, .strides = strides, .byte_offset = 8};
  EXPECT_EQ(view(tensor).data, data + 2);
  EXPECT_EQ(view(tensor).strides, (Strides{1, 4}));
  EXPECT_THROW((void)mutable_view(tensor), std::invalid_argument);
}

TEST(Dlpack, RefusesWhatItCannotReach) {
  float data[2] = {};
  int64_t shape[] = {2};
  const Tensor good{.data = data, .ndim = 1, .shape = shape};
  EXPECT_NO_THROW((void)view(good));
  Tensor gpu = good;
  gpu.device.type = DeviceType::cuda;
  EXPECT_THROW((void)view(gpu), std::invalid_argument);
  Tensor lanes = good;
  lanes.dtype.lanes = 4;
  EXPECT_THROW((void)view(lanes), std::invalid_argument);
  Tensor float8 = good;
  float8.dtype = {static_cast<TypeCode>(10), 8, 1};
  EXPECT_THROW((void)view(float8), std::invalid_argument);
}

TEST(Dlpack, RefusesNewerVersionsAndWritesToReadOnly) {
  float data[2] = {};
  int64_t shape[] = {2};
  ManagedTensorVersioned tensor{.tensor = {.data = data, .ndim = 1, .shape = shape}};
  tensor.version = {2, 0};
  EXPECT_THROW(Imported{&tensor}, std::invalid_argument);
  tensor.version = {1, 1};
  tensor.flags = kReadOnly;
  const Imported imported(&tensor);
  EXPECT_NO_THROW((void)imported.view());
  EXPECT_THROW((void)imported.mutable_view(), std::invalid_argument);
}

}  // namespace
}  // namespace anymetal::dlpack
