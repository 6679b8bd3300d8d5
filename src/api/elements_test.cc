#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "api/launch.h"

namespace anymetal::api {
namespace {

template <class T>
T filled(Dtype dtype, float value) {
  std::vector<T> data(3);
  fill(data.data(), 2, dtype, value);
  // NOLINTBEGIN(bugprone-suspicious-memory-comparison): the bits are what is compared
  EXPECT_EQ(std::memcmp(&data[0], &data[1], sizeof(T)), 0);
  const T untouched{};
  EXPECT_EQ(std::memcmp(&data[2], &untouched, sizeof(T)), 0);
  // NOLINTEND(bugprone-suspicious-memory-comparison)
  return data[0];
}

TEST(Fill, ConvertsToEachDtype) {
  EXPECT_EQ(filled<uint8_t>(Dtype::bool_, 2.5f), 1);
  EXPECT_EQ(filled<uint8_t>(Dtype::bool_, 0.0f), 0);
  EXPECT_EQ(filled<uint8_t>(Dtype::uint8, 200.9f), 200);
  EXPECT_EQ(filled<uint16_t>(Dtype::uint16, 65535.0f), 65535);
  EXPECT_EQ(filled<uint32_t>(Dtype::uint32, 4e9f), 4000000000u);
  EXPECT_EQ(filled<uint64_t>(Dtype::uint64, 1e18f), static_cast<uint64_t>(1e18f));
  EXPECT_EQ(filled<int8_t>(Dtype::int8, -7.9f), -7);
  EXPECT_EQ(filled<int16_t>(Dtype::int16, -30000.0f), -30000);
  EXPECT_EQ(filled<int32_t>(Dtype::int32, -1.0f), -1);
  EXPECT_EQ(filled<int64_t>(Dtype::int64, -1e15f), static_cast<int64_t>(-1e15f));
  EXPECT_EQ(filled<float>(Dtype::float32, 0.1f), 0.1f);
  EXPECT_EQ(filled<double>(Dtype::float64, 0.1f), static_cast<double>(0.1f));
  EXPECT_EQ(filled<std::complex<float>>(Dtype::complex64, 2.0f), std::complex<float>(2.0f, 0.0f));
}

// Bit patterns from IEEE 754 and from bfloat16's definition (the upper half of a float, to the
// nearest, ties to even).
TEST(Fill, RoundsHalves) {
  EXPECT_EQ(filled<uint16_t>(Dtype::float16, 1.0f), 0x3c00);
  EXPECT_EQ(filled<uint16_t>(Dtype::float16, 65520.0f), 0x7c00);
  EXPECT_EQ(filled<uint16_t>(Dtype::float16, 1.0f + 0x1p-11f), 0x3c00);
  EXPECT_EQ(filled<uint16_t>(Dtype::bfloat16, 1.0f), 0x3f80);
  EXPECT_EQ(filled<uint16_t>(Dtype::bfloat16, 1.0f + 0x1p-8f), 0x3f80);
  EXPECT_EQ(filled<uint16_t>(Dtype::bfloat16, 1.0f + 3 * 0x1p-8f), 0x3f82);
  EXPECT_EQ(filled<uint16_t>(Dtype::bfloat16, INFINITY), 0x7f80);
  EXPECT_EQ(filled<uint16_t>(Dtype::bfloat16, NAN) & 0x7fc0, 0x7fc0);
}

TEST(Fill, ClampsWhatAnIntegerCannotHold) {
  EXPECT_EQ(filled<uint8_t>(Dtype::uint8, -1.0f), 0);
  EXPECT_EQ(filled<int8_t>(Dtype::int8, 1e9f), 127);
  EXPECT_EQ(filled<int64_t>(Dtype::int64, INFINITY), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(filled<int32_t>(Dtype::int32, NAN), 0);
}

TEST(RowContiguous, LooksAtStridesThatMatter) {
  const auto contiguous = [](std::vector<int64_t> shape, std::vector<int64_t> strides) {
    return is_row_contiguous(shape, strides);
  };
  EXPECT_TRUE(contiguous({}, {}));
  EXPECT_TRUE(contiguous({3, 4}, {4, 1}));
  EXPECT_TRUE(contiguous({1, 4}, {99, 1}));
  EXPECT_TRUE(contiguous({0, 4}, {7, 7}));
  EXPECT_FALSE(contiguous({3, 4}, {1, 3}));
  EXPECT_FALSE(contiguous({4}, {2}));
  EXPECT_FALSE(contiguous({4}, {-1}));
  EXPECT_FALSE(contiguous({2, 2}, {0, 1}));
}

TEST(CopyRowMajor, FollowsAnyStrides) {
  std::vector<int32_t> data(60);
  std::iota(data.begin(), data.end(), 0);
  // data[5][4][3], reversed in the first dimension, every second of the second, broadcast in a new
  // last one.
  const std::vector<int64_t> shape{5, 2, 3, 2}, strides{-12, 6, 1, 0};
  std::vector<int32_t> out(60, -1);
  copy_row_major(data.data() + 48, shape, strides, sizeof(int32_t), out.data());
  size_t n = 0;
  for (int a = 0; a < 5; ++a)
    for (int b = 0; b < 2; ++b)
      for (int c = 0; c < 3; ++c)
        for (int d = 0; d < 2; ++d) EXPECT_EQ(out[n++], 48 - 12 * a + 6 * b + c);
}

TEST(CopyRowMajor, ScalarsAndEmptyArrays) {
  const uint8_t value = 9;
  uint8_t out = 0;
  copy_row_major(&value, {}, {}, 1, &out);
  EXPECT_EQ(out, 9);
  const std::vector<int64_t> shape{2, 0}, strides{1, 1};
  copy_row_major(nullptr, shape, strides, 1, nullptr);
}

}  // namespace
}  // namespace anymetal::api
