// docs/numerics.md, the part of integers and conversions: each decision, in each math mode.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "backend/narrow_floats.h"
#include "run_text.h"

namespace anymetal {
namespace {

using backend::bfloat_bits;
using backend::bfloat_value;
using backend::half_bits;
using backend::half_value;

constexpr MathMode kModes[] = {MathMode::safe, MathMode::relaxed, MathMode::fast};

template <class T>
std::string metal_name() {
  return (std::is_signed_v<T> ? "int" : "uint") + std::to_string(sizeof(T) * 8) + "_t";
}

template <class T>
class Integers : public testing::Test {};
using Types =
    testing::Types<int8_t, uint8_t, int16_t, uint16_t, int32_t, uint32_t, int64_t, uint64_t>;
TYPED_TEST_SUITE(Integers, Types);

// Division

TYPED_TEST(Integers, DivisionThatHasNoResult) {
  using T = TypeParam;
  constexpr T least = std::numeric_limits<T>::min(), most = std::numeric_limits<T>::max();
  std::vector<T> a = {0, 1, 7, least, most, least, T(-7)}, b = {0, 0, 0, 0, 0, T(-1), 3};
  std::vector<T> out(a.size() * 4);
  const std::string type = metal_name<T>();
  for (const MathMode mode : kModes) {
    ASSERT_TRUE(run_text("typedef " + type +
                             " T; kernel void k(device const T* a [[buffer(0)]], device const T* b "
                             "[[buffer(1)]], device "
                             "T* out [[buffer(2)]],\n  uint i [[thread_position_in_grid]]) {\n"
                             "  out[4 * i] = a[i] / b[i]; out[4 * i + 1] = a[i] % b[i];\n"
                             "  out[4 * i + 2] = (vec<T, 2>(1, a[i]) / vec<T, 2>(1, b[i])).y;\n"
                             "  T r = a[i]; r %= b[i]; out[4 * i + 3] = r;\n}\n",
                         {argument(a), argument(b), argument(out)}, uint32_t(a.size()), 32, mode));
    for (size_t i = 0; i < a.size(); ++i) {
      const bool overflows = std::is_signed_v<T> && a[i] == least && b[i] == T(-1);
      // A quotient that doesn't exist is the dividend; small signed types divide as int, so that
      // theirs exists and wraps, which is the same.
      const T quotient = b[i] == 0 || overflows ? a[i] : T(a[i] / b[i]);
      const T rest = b[i] == 0 || overflows ? T(0) : T(a[i] % b[i]);
      EXPECT_EQ(out[4 * i], quotient) << +a[i] << " / " << +b[i];
      EXPECT_EQ(out[4 * i + 1], rest) << +a[i] << " % " << +b[i];
      EXPECT_EQ(out[4 * i + 2], quotient) << +a[i] << " / " << +b[i];
      EXPECT_EQ(out[4 * i + 3], rest) << +a[i] << " % " << +b[i];
    }
  }
}

// Shifts and overflow

// Of a scalar of 8 or 16 bits C++ shifts the promoted int; a vector has no promotion.
TYPED_TEST(Integers, ShiftsTakeTheAmountModuloTheWidth) {
  using T = TypeParam;
  typedef std::make_unsigned_t<T> U;
  constexpr int width = sizeof(T) * 8, promoted = width < 32 ? 32 : width;
  std::vector<T> a(128, T(U(0xb5a59b37c3d2e1f1u))), out(a.size() * 4);
  std::vector<int> amount;
  amount.reserve(128);
  for (int i = 0; i < 128; ++i) amount.push_back(i < 100 ? i : 100 - i);
  const std::string type = metal_name<T>();
  for (const MathMode mode : kModes) {
    ASSERT_TRUE(
        run_text("typedef " + type +
                     " T; kernel void k(device const T* a [[buffer(0)]], device const int* n "
                     "[[buffer(1)]], device T* out [[buffer(2)]],\n"
                     "  uint i [[thread_position_in_grid]]) {\n"
                     "  out[4 * i] = a[i] << n[i]; out[4 * i + 1] = a[i] >> n[i];\n"
                     "  out[4 * i + 2] = (vec<T, 2>(0, a[i]) << vec<T, 2>(T(n[i]))).y;\n"
                     "  out[4 * i + 3] = (vec<T, 2>(0, a[i]) >> vec<T, 2>(T(n[i]))).y;\n}\n",
                 {argument(a), argument(amount), argument(out)}, uint32_t(a.size()), 32, mode));
    for (size_t i = 0; i < a.size(); ++i) {
      const int n = amount[i] & (promoted - 1), v = amount[i] & (width - 1);
      EXPECT_EQ(out[4 * i], T(uint64_t(int64_t(a[i])) << n)) << amount[i];
      EXPECT_EQ(out[4 * i + 1],
                T(std::is_signed_v<T> ? T(int64_t(a[i]) >> n) : T(uint64_t(U(a[i])) >> n)))
          << amount[i];
      EXPECT_EQ(out[4 * i + 2], T(U(a[i]) << v)) << amount[i];
      EXPECT_EQ(out[4 * i + 3], T(std::is_signed_v<T> ? T(a[i] >> v) : T(U(a[i]) >> v)))
          << amount[i];
    }
  }
}

TYPED_TEST(Integers, OverflowWraps) {
  using T = TypeParam;
  typedef std::make_unsigned_t<T> U;
  std::mt19937_64 random(1);
  std::vector<T> a, b;
  for (int i = 0; i < 256; ++i) a.push_back(T(random())), b.push_back(T(random()));
  a[0] = std::numeric_limits<T>::max(), b[0] = 1;
  a[1] = b[1] = std::numeric_limits<T>::min();
  std::vector<T> out(a.size() * 5);
  for (const MathMode mode : kModes) {
    ASSERT_TRUE(
        run_text("typedef " + metal_name<T>() +
                     " T; kernel void k(device const T* a [[buffer(0)]], device const T* b "
                     "[[buffer(1)]], device "
                     "T* out [[buffer(2)]],\n  uint i [[thread_position_in_grid]]) {\n"
                     "  const T x = a[i], y = b[i];\n"
                     "  out[5 * i] = x + y; out[5 * i + 1] = x - y; out[5 * i + 2] = x * y; "
                     "out[5 * i + 3] = -x;\n"
                     "  out[5 * i + 4] = T(x + 1) > x;\n}\n",
                 {argument(a), argument(b), argument(out)}, uint32_t(a.size()), 32, mode));
    for (size_t i = 0; i < a.size(); ++i) {
      const auto x = uint64_t(int64_t(a[i])), y = uint64_t(int64_t(b[i]));
      EXPECT_EQ(out[5 * i], T(U(x + y)));
      EXPECT_EQ(out[5 * i + 1], T(U(x - y)));
      EXPECT_EQ(out[5 * i + 2], T(U(x * y)));
      EXPECT_EQ(out[5 * i + 3], T(U(0 - x)));
      EXPECT_EQ(out[5 * i + 4], T(a[i] != std::numeric_limits<T>::max())) << "x + 1 > x was folded";
    }
  }
}

// Floats to integers

/// Truncated; beyond the range the nearest integer; NaN is 0.
template <class T>
T converted(double x) {
  if (std::isnan(x)) return 0;
  const double whole = std::trunc(x);
  if (whole >= std::ldexp(1.0, std::numeric_limits<T>::digits))
    return std::numeric_limits<T>::max();
  if (whole < double(std::numeric_limits<T>::min())) return std::numeric_limits<T>::min();
  return T(whole);
}

TYPED_TEST(Integers, FromFloatsTruncateAndSaturate) {
  using T = TypeParam;
  std::vector<float> in = {
      0.0f,      -0.0f,    0.9f,    -0.9f,          1.5f,           -1.5f,    127.9f,
      128.0f,    -128.9f,  -129.0f, 255.9f,         256.0f,         32767.9f, 32768.0f,
      65535.9f,  65536.0f, 0x1p31f, -0x1p31f,       0x1.fffffep30f, 0x1p32f,  -0x1.000002p31f,
      0x1p63f,   -0x1p63f, 0x1p64f, 0x1.fffffep63f, 1e30f,          -1e30f,   INFINITY,
      -INFINITY, NAN,      -NAN,    0x1p-140f};
  std::mt19937 random(2);
  while (in.size() < 1024) in.push_back(std::bit_cast<float>(uint32_t(random())));
  std::vector<T> out(in.size() * 4);
  for (const MathMode mode : kModes) {
    ASSERT_TRUE(
        run_text("typedef " + metal_name<T>() +
                     " T; kernel void k(device const float* in [[buffer(0)]], device T* out "
                     "[[buffer(1)]],\n  uint i [[thread_position_in_grid]]) {\n"
                     "  const float x = in[i];\n  out[4 * i] = T(x); out[4 * i + 1] = "
                     "vec<T, 3>(float3(1, x, 2)).y;\n"
                     "  out[4 * i + 2] = T(half(x)); out[4 * i + 3] = T(bfloat(x));\n}\n",
                 {argument(in), argument(out)}, uint32_t(in.size()), 32, mode));
    for (size_t i = 0; i < in.size(); ++i) {
      const double x = in[i];
      EXPECT_EQ(out[4 * i], converted<T>(x)) << x;
      EXPECT_EQ(out[4 * i + 1], converted<T>(x)) << x;
      EXPECT_EQ(out[4 * i + 2], converted<T>(half_value(half_bits(x)))) << x;
      EXPECT_EQ(out[4 * i + 3], converted<T>(bfloat_value(bfloat_bits(x)))) << x;
    }
  }
}

// Clang evaluates these while it makes the IR, and calls an expression undefined as a whole where a
// part of it is. That must not become a licence to drop code.
TEST(Constants, ThatHaveNoValueAreZeroOrAsAtRunTime) {
  std::vector<int> out(8, -1);
  ASSERT_TRUE(
      run_text("kernel void k(device int* out [[buffer(0)]]) {\n"
               "  out[0] = int(NAN); out[1] = int(float(NAN)) + 1; const int zero = 0;\n"
               "  out[2] = 7 / zero; out[3] = 7 % zero; out[4] = uint(NAN);\n"
               "  if (int(NAN) == 0) out[5] = 1; out[6] = 1 << (zero + 40);\n"
               "  out[7] = int2(float2(NAN, 3)).y;\n}\n",
               {argument(out)}, 1));
  EXPECT_EQ(out[0], 0);
  EXPECT_TRUE(out[1] == 0 || out[1] == 1) << out[1];
  EXPECT_TRUE(out[2] == 0 || out[2] == 7) << out[2];
  EXPECT_EQ(out[3], 0);
  EXPECT_EQ(out[4], 0);
  EXPECT_TRUE(out[5] == -1 || out[5] == 1) << out[5];
  EXPECT_TRUE(out[6] == 0 || out[6] == 1 << 8) << out[6];
  EXPECT_EQ(out[7], 3);
}

// Integers to floats, and floats to each other

/// x rounded to `precision` bits, ties to even; infinite at 2^top and beyond.
double rounded(__int128 x, int precision, int top) {
  const bool negative = x < 0;
  auto magnitude = static_cast<unsigned __int128>(negative ? -x : x);
  int shift = 0;
  while ((magnitude >> shift) >> precision) ++shift;
  if (shift > 0) {
    const auto kept = magnitude >> shift, rest = magnitude - (kept << shift);
    const auto half = static_cast<unsigned __int128>(1) << (shift - 1);
    magnitude = (kept + (rest > half || (rest == half && (kept & 1)))) << shift;
  }
  const double value = std::ldexp(double(uint64_t(magnitude >> 40)), 40) +
                       double(uint64_t(magnitude & ((uint64_t{1} << 40) - 1)));
  const double result = value >= std::ldexp(1.0, top) ? INFINITY : value;
  return negative ? -result : result;
}

TYPED_TEST(Integers, ToFloatsRoundOnceToNearestEven) {
  using T = TypeParam;
  std::mt19937_64 random(3);
  std::vector<T> in = {0, 1, std::numeric_limits<T>::max(), std::numeric_limits<T>::min()};
  for (int i = 0; i < 4000; ++i) {
    // Ties of each of the three types, and those with a push too small for a wider type.
    const int top = int(random() % (sizeof(T) * 8)), low = int(random() % (sizeof(T) * 8));
    const int precision = i % 3 == 0 ? 24 : i % 3 == 1 ? 11 : 8;
    uint64_t x = (random() | uint64_t{1} << 63) >> (64 - precision);
    x = (x << 1 | 1) << (top > precision ? top - precision : 0);
    x += i % 2 ? uint64_t{1} << low : -(uint64_t{1} << low);
    in.push_back(T(x));
    in.push_back(T(0 - x));
    in.push_back(T(random() >> (random() % 64)));
  }
  std::vector<float> wide(in.size());
  std::vector<uint16_t> halves(in.size()), bfloats(in.size());
  for (const MathMode mode : kModes) {
    ASSERT_TRUE(
        run_text("typedef " + metal_name<T>() +
                     " T; kernel void k(device const T* in [[buffer(0)]], device float* f "
                     "[[buffer(1)]],\n  device half* h [[buffer(2)]], device bfloat* b "
                     "[[buffer(3)]], uint i [[thread_position_in_grid]]) {\n"
                     "  f[i] = float(in[i]); h[i] = half(in[i]); b[i] = bfloat(in[i]);\n}\n",
                 {argument(in), argument(wide), argument(halves), argument(bfloats)},
                 uint32_t(in.size()), 32, mode));
    for (size_t i = 0; i < in.size(); ++i) {
      EXPECT_EQ(wide[i], rounded(in[i], 24, 128)) << +in[i];
      EXPECT_EQ(half_value(halves[i]), rounded(in[i], 11, 16)) << +in[i];
      EXPECT_EQ(bfloat_value(bfloats[i]), rounded(in[i], 8, 128)) << +in[i];
    }
  }
}

TEST(FloatConversions, RoundToNearestEvenInEveryMode) {
  std::mt19937 random(4);
  std::vector<float> in = {
      0.0f,        -0.0f,        65504.0f,     65519.9f,         65520.0f,        -65520.0f,
      INFINITY,    -INFINITY,    NAN,          0x1p-24f,         0x1p-25f,        0x1.000002p-25f,
      0x1p-14f,    0x1.ffcp-15f, 1 + 0x1p-11f, 1 + 0x1.8p-10f,   0x1.fffffep127f, 0x1.fefffep127f,
      0x1.ffp127f, 0x1p-133f,    0x1p-134f,    0x1.000004p-134f, 1 + 0x1p-8f};
  while (in.size() < 20000) in.push_back(std::bit_cast<float>(uint32_t(random())));
  for (int i = 0; i < 20000; ++i) {
    const auto narrow = uint16_t(random());
    in.push_back(half_value(narrow));
    // A tie of bfloat and its neighbours.
    in.push_back(std::bit_cast<float>((uint32_t(narrow) << 16 | 0x8000u) + uint32_t(i % 3) - 1));
    in.push_back(half_value(narrow) + std::ldexp(1.0f, -25 + i % 3));
  }
  std::vector<uint16_t> halves(in.size()), bfloats(in.size()), crossed(in.size() * 2);
  for (const MathMode mode : kModes) {
    ASSERT_TRUE(run_text(
        "kernel void k(device const float* in [[buffer(0)]], device half* h [[buffer(1)]],\n"
        "  device bfloat* b [[buffer(2)]], device ushort* x [[buffer(3)]], uint i "
        "[[thread_position_in_grid]]) {\n"
        "  h[i] = half(in[i]); b[i] = bfloat(in[i]);\n"
        "  x[2 * i] = as_type<ushort>(half(bfloat(in[i])));\n"
        "  x[2 * i + 1] = as_type<ushort>(bfloat(half(in[i])));\n}\n",
        {argument(in), argument(halves), argument(bfloats), argument(crossed)}, uint32_t(in.size()),
        32, mode));
    for (size_t i = 0; i < in.size(); ++i) {
      if (std::isnan(in[i])) {
        EXPECT_TRUE(std::isnan(half_value(halves[i])));
        EXPECT_TRUE(std::isnan(bfloat_value(bfloats[i])));
        continue;
      }
      EXPECT_EQ(halves[i], half_bits(in[i])) << in[i];
      EXPECT_EQ(bfloats[i], bfloat_bits(in[i])) << in[i];
      EXPECT_EQ(crossed[2 * i], half_bits(bfloat_value(bfloats[i]))) << in[i];
      EXPECT_EQ(crossed[2 * i + 1], bfloat_bits(half_value(halves[i]))) << in[i];
    }
  }
}

TEST(FloatConversions, ToBool) {
  std::vector<float> in = {0.0f, -0.0f, 0x1p-149f, 1.0f, NAN, INFINITY};
  std::vector<int> out(in.size());
  for (const MathMode mode : {MathMode::safe, MathMode::relaxed}) {
    ASSERT_TRUE(
        run_text("kernel void k(device const float* in [[buffer(0)]], device int* out "
                 "[[buffer(1)]], uint i [[thread_position_in_grid]]) { out[i] = bool(in[i]); }\n",
                 {argument(in), argument(out)}, uint32_t(in.size()), 32, mode));
    EXPECT_EQ(out, (std::vector<int>{0, 0, 1, 1, 1, 1}));
  }
}

}  // namespace
}  // namespace anymetal
