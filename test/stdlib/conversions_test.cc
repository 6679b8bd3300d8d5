// Conversions between scalar types, alone and as vectors, and arithmetic of half and bfloat: each
// operation rounds once.
#include <cmath>
#include <cstring>
#include <random>

#include "backend/narrow_floats.h"
#include "run_text.h"

namespace anymetal {
namespace {

using backend::bfloat_bits;
using backend::bfloat_value;
using backend::half_bits;
using backend::half_value;

struct Narrow {
  const char* name;
  uint16_t (*encode)(double);
  float (*decode)(uint16_t);
};
const Narrow kNarrow[] = {{"half", half_bits, half_value}, {"bfloat", bfloat_bits, bfloat_value}};

template <class T>
class IntegerConversions : public testing::Test {};
using Types =
    testing::Types<int8_t, uint8_t, int16_t, uint16_t, int32_t, uint32_t, int64_t, uint64_t>;
TYPED_TEST_SUITE(IntegerConversions, Types);

TYPED_TEST(IntegerConversions, RoundToNearestAndTowardsZero) {
  using T = TypeParam;
  const std::string type =
      (std::is_signed_v<T> ? "int" : "uint") + std::to_string(sizeof(T) * 8) + "_t";
  std::mt19937_64 random(6);
  std::vector<T> in;
  for (int i = 0; i < 2048; ++i) in.push_back(T(T(random()) >> (random() % (sizeof(T) * 8))));
  for (const Narrow& narrow : kNarrow) {
    std::vector<uint16_t> out(in.size() * 2);
    std::vector<T> back(in.size());
    std::vector<float> wide(in.size());
    ASSERT_TRUE(run_text(
        "typedef " + type + " T; typedef " + narrow.name +
            " S;\nkernel void k(device const T* in [[buffer(0)]], device S* out [[buffer(1)]],\n"
            "device T* back [[buffer(2)]], device float* wide [[buffer(3)]], uint i "
            "[[thread_position_in_grid]]) {\n"
            "  out[2 * i] = S(in[i]);\n  out[2 * i + 1] = vec<S, 3>(vec<T, 3>(T(1), in[i], "
            "T(2))).y;\n"
            "  back[i] = T(S(in[i] % 100) * S(0.5f));\n  wide[i] = in[i];\n}\n",
        {argument(in), argument(out), argument(back), argument(wide)}, uint32_t(in.size())));
    for (size_t i = 0; i < in.size(); ++i) {
      // Through float where the type is that of a float's neighbour: two roundings, as the hardware
      // does it.
      const uint16_t once = narrow.encode(double(in[i])), twice = narrow.encode(float(in[i]));
      EXPECT_TRUE(out[2 * i] == once || out[2 * i] == twice) << narrow.name << " of " << +in[i];
      EXPECT_EQ(out[2 * i], out[2 * i + 1]) << narrow.name << " of " << +in[i];
      const float halved =
          narrow.decode(narrow.encode(narrow.decode(narrow.encode(double(in[i] % 100))) * 0.5));
      EXPECT_EQ(back[i], T(halved)) << narrow.name << " of " << +in[i];
      EXPECT_EQ(wide[i], float(in[i])) << +in[i];
    }
  }
}

TEST(NarrowFloats, EachOperationRoundsOnce) {
  std::mt19937 random(2);
  for (const Narrow& narrow : kNarrow) {
    constexpr size_t kCount = 4096, kRows = 8;
    std::vector<uint16_t> a(kCount), b(kCount), out(kCount * kRows);
    std::vector<float> wide(kCount * 2);
    for (size_t i = 0; i < kCount; ++i) a[i] = uint16_t(random()), b[i] = uint16_t(random());
    ASSERT_TRUE(
        run_text("typedef " + std::string(narrow.name) +
                     " S;\nkernel void k(device const S* pa [[buffer(0)]], device const S* pb "
                     "[[buffer(1)]],\n"
                     "device S* out [[buffer(2)]], device float* wide [[buffer(3)]], uint i "
                     "[[thread_position_in_grid]]) {\n"
                     "  const S a = pa[i], b = pb[i];\n  device S* o = out + 8 * i;\n"
                     "  o[0] = a + b; o[1] = a - b; o[2] = a * b; o[3] = a / b; o[4] = -a;\n"
                     "  o[5] = S(float(a)); S c = a; c += b; o[6] = c; o[7] = (vec<S, 2>(a, b) * "
                     "vec<S, 2>(b, a)).y;\n"
                     "  wide[2 * i] = a * 3.0f; wide[2 * i + 1] = a < b;\n}\n",
                 {argument(a), argument(b), argument(out), argument(wide)}, kCount));
    for (size_t i = 0; i < kCount; ++i) {
      const double x = narrow.decode(a[i]), y = narrow.decode(b[i]);
      const double expected[kRows] = {x + y, x - y, x * y, x / y, -x, x, x + y, x * y};
      for (size_t row = 0; row < kRows; ++row) {
        const uint16_t got = out[i * kRows + row];
        if (std::isnan(expected[row])) {
          EXPECT_TRUE(std::isnan(narrow.decode(got)));
        } else {
          EXPECT_EQ(got, narrow.encode(expected[row]))
              << narrow.name << " " << x << ", " << y << ", row " << row;
        }
      }
      if (!std::isnan(x)) EXPECT_EQ(wide[2 * i], float(x) * 3.0f);
      EXPECT_EQ(wide[2 * i + 1], float(x < y));
    }
  }
}

}  // namespace
}  // namespace anymetal
