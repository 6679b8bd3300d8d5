// docs/numerics.md, decision by decision: what kernels give where the specification leaves a choice
// or other compilers differ, in each math mode. How accurate functions are is measured in
// bench/accuracy/.
#include <gtest/gtest.h>

#include <bit>
#include <cfenv>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <thread>
#include <type_traits>

#include "run_text.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace anymetal {
namespace {

constexpr MathMode kModes[] = {MathMode::safe, MathMode::relaxed, MathMode::fast};
const float kInfinity = std::numeric_limits<float>::infinity();

std::string name_of(MathMode mode) {
  return mode == MathMode::safe ? "safe" : mode == MathMode::relaxed ? "relaxed" : "fast";
}

// Metal's names of the types that tests are instantiated with.
template <class T>
std::string metal_name() {
  if constexpr (std::is_same_v<T, float>) return "float";
  if constexpr (std::is_same_v<T, uint8_t>) return "uchar";
  if constexpr (std::is_same_v<T, int8_t>) return "char";
  if constexpr (std::is_same_v<T, uint16_t>) return "ushort";
  if constexpr (std::is_same_v<T, int16_t>) return "short";
  if constexpr (std::is_same_v<T, uint32_t>) return "uint";
  if constexpr (std::is_same_v<T, int32_t>) return "int";
  if constexpr (std::is_same_v<T, uint64_t>) return "ulong";
  if constexpr (std::is_same_v<T, int64_t>) return "long";
}

/// Runs `r = ...;` statements over a, b, c of type In, each giving an Out. Results of statement s
/// for operand i at [s][i]. Empty after a failure.
template <class Out, class In>
std::vector<std::vector<Out>> evaluate(const std::vector<std::string>& statements, MathMode mode,
                                       std::vector<In> a, std::vector<In> b = {},
                                       std::vector<In> c = {}, const std::string& in_name = "",
                                       const std::string& out_name = "") {
  const size_t count = a.size();
  b.resize(count);
  c.resize(count);
  std::vector<Out> out(count * statements.size());
  std::string text = "typedef " + (in_name.empty() ? metal_name<In>() : in_name) + " In; typedef " +
                     (out_name.empty() ? metal_name<Out>() : out_name) +
                     " Out;\nkernel void k(device const In* pa [[buffer(0)]], device const In* pb "
                     "[[buffer(1)]],\n  device const In* pc [[buffer(2)]], device Out* out "
                     "[[buffer(3)]], uint i [[thread_position_in_grid]]) {\n"
                     "  const In a = pa[i], b = pb[i], c = pc[i];\n  Out r;\n";
  for (size_t s = 0; s < statements.size(); ++s) {
    text += "  { " + statements[s] + " out[" + std::to_string(s * count) + "u + i] = r; }\n";
  }
  if (!run_text(text + "}\n", {argument(a), argument(b), argument(c), argument(out)},
                uint32_t(count), 32, mode))
    return {};
  std::vector<std::vector<Out>> results;
  results.reserve(statements.size());
  for (size_t s = 0; s < statements.size(); ++s)
    results.emplace_back(out.begin() + long(s * count), out.begin() + long((s + 1) * count));
  return results;
}

std::vector<std::vector<float>> floats(const std::vector<std::string>& statements, MathMode mode,
                                       std::vector<float> a, std::vector<float> b = {},
                                       std::vector<float> c = {}) {
  return evaluate<float, float>(statements, mode, std::move(a), std::move(b), std::move(c));
}

uint32_t bits(float x) {
  return std::bit_cast<uint32_t>(x);
}

bool processor_has_fma() {
#ifdef __x86_64__
  return __builtin_cpu_supports("fma") != 0;
#else
  return true;
#endif
}

// Contraction

// 1 + 2^-12 squared needs 25 bits; minus its rounded square leaves the bit that rounding lost.
TEST(Contraction, OnUnlessThePragmaSaysOff) {
  const float x = 1 + 0x1p-12f, square = 1 + 0x1p-11f;
  const std::string off = "\n#pragma METAL fp contract(off)\n";
  for (const std::string statement : {"r = a * b - c;", "float p = a * b; r = p - c;"}) {
    for (const MathMode mode : kModes) {
      auto fused = floats({statement}, mode, {x}, {x}, {square});
      auto separate = floats({off + statement}, mode, {x}, {x}, {square});
      ASSERT_EQ(fused.size() + separate.size(), 2u);
      EXPECT_EQ(fused[0][0], processor_has_fma() ? 0x1p-24f : 0.0f) << name_of(mode);
      EXPECT_EQ(separate[0][0], 0.0f) << name_of(mode);
    }
  }
}

TEST(Contraction, FmaIsOneRoundingWhateverThePragma) {
  const float x = 1 + 0x1p-12f, square = 1 + 0x1p-11f;
  for (const MathMode mode : kModes) {
    auto r =
        floats({"\n#pragma METAL fp contract(off)\n r = fma(a, b, -c);"}, mode, {x}, {x}, {square});
    ASSERT_EQ(r.size(), 1u);
    EXPECT_EQ(r[0][0], 0x1p-24f) << name_of(mode);
  }
}

// half and bfloat: every operation rounds by itself, where the processor computes them in float.
TEST(Contraction, NarrowOperationsRoundEach) {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512fp16")) GTEST_SKIP() << "this processor fuses half operations";
#endif
  for (const MathMode mode : kModes) {
    // 1 + 2^-10 squared is 1 + 2^-9 + 2^-20 (half); 1 + 2^-7 squared 1 + 2^-6 + 2^-14 (bfloat).
    auto r =
        evaluate<float, float>({"half x = half(a), p = half(1 + 0x1p-9f); r = x * x - p;",
                                "bfloat x = bfloat(b), p = bfloat(1 + 0x1p-6f); r = x * x - p;"},
                               mode, {1 + 0x1p-10f}, {1 + 0x1p-7f});
    ASSERT_EQ(r.size(), 2u);
    EXPECT_EQ(r[0][0], 0.0f) << name_of(mode);
    EXPECT_EQ(r[1][0], 0.0f) << name_of(mode);
  }
}

// Reassociation

TEST(Reassociation, SafeKeepsTheOrder) {
  auto r = floats({"r = (a + b) - b;", "r = a + (b - b);",
                   "float s = a + c, d = s - a; r = (a - (s - d)) + (c - d);", "r = a / c * c;",
                   "r = (a + b) + c;", "r = a + (b + c);"},
                  MathMode::safe, {1.0f, 0.1f}, {0x1p30f, 0x1p30f}, {0x1p-25f, 3.0f});
  ASSERT_EQ(r.size(), 6u);
  EXPECT_EQ(r[0][0], 0.0f);
  EXPECT_EQ(r[1][0], 1.0f);
  EXPECT_EQ(r[2][0], 0x1p-25f) << "the error of a sum is lost";
  EXPECT_EQ(r[3][1], 0.1f / 3.0f * 3.0f);
  EXPECT_EQ(r[4][0], (1.0f + 0x1p30f) + 0x1p-25f);
  EXPECT_EQ(r[5][1], 0.1f + (0x1p30f + 3.0f));
}

// What relaxed and fast may do with sums and quotients stays within what their terms can round to.
TEST(Reassociation, OtherModesGiveOneOfTheOrders) {
  for (const MathMode mode : {MathMode::relaxed, MathMode::fast}) {
    auto r = floats({"r = (a + b) - b;", "r = a / b * b;", "r = a + b + c;"}, mode, {1.0f},
                    {0x1p30f}, {3.0f});
    ASSERT_EQ(r.size(), 3u);
    EXPECT_TRUE(r[0][0] == 0.0f || r[0][0] == 1.0f) << r[0][0];
    EXPECT_EQ(r[1][0], 1.0f);
    EXPECT_TRUE(r[2][0] == 0x1p30f) << r[2][0];
  }
}

// Two quotients with one divisor: operators may share a reciprocal outside safe, `divide` may not.
// The bits of both in one result, so that nothing stands between the two.
TEST(Reassociation, DivideIsCorrectlyRoundedInEveryMode) {
  std::mt19937 random(5);
  std::uniform_real_distribution<float> number(1, 2);
  std::vector<float> a(256), b(256), c(256);
  for (size_t i = 0; i < a.size(); ++i)
    a[i] = number(random), b[i] = number(random), c[i] = number(random);
  const std::string both = "r = as_type<float>((as_type<uint>(p) ^ as_type<uint>(q)) & 0xffffff);";
  for (const MathMode mode : kModes) {
    auto r = floats({"float p = divide(a, c), q = divide(b, c); " + both,
                     "float p = precise::divide(a, c), q = precise::divide(b, c); " + both},
                    mode, a, b, c);
    auto operators = floats({"r = a / c;"}, mode, a, b, c);
    ASSERT_EQ(r.size() + operators.size(), 3u);
    for (size_t i = 0; i < a.size(); ++i) {
      const uint32_t expected = (bits(a[i] / c[i]) ^ bits(b[i] / c[i])) & 0xffffff;
      EXPECT_EQ(bits(r[0][i]), expected) << name_of(mode);
      EXPECT_EQ(bits(r[1][i]), expected) << name_of(mode);
      EXPECT_NEAR(operators[0][i], double(a[i]) / c[i],
                  mode == MathMode::safe ? 0x1p-24 : 0x1.4p-22);
    }
  }
}

// NaN and infinities

const std::vector<std::string> kQuestions = {
    "r = isnan(a);", "r = a != a;", "r = isinf(a);",  "r = isfinite(a);", "r = a < b;",
    "r = a >= b;",   "r = a == b;", "r = !(a <= b);", "r = isnormal(a);", "r = isunordered(a, b);"};

// Metal leaves them undefined in fast math; the reference executor answers all the same, by
// dropping the flags that would let LLVM assume that there are none.
TEST(NotANumber, QuestionsAreAnsweredInEveryMode) {
  const std::vector<float> a = {NAN, kInfinity, -kInfinity, 1.0f, 0.0f, 0x1p-130f, 2.0f};
  const std::vector<float> b = {1.0f, 1.0f, -kInfinity, NAN, -0.0f, 0.0f, 3.0f};
  for (const MathMode mode : kModes) {
    auto r = floats(kQuestions, mode, a, b);
    ASSERT_EQ(r.size(), kQuestions.size());
    for (size_t i = 0; i < a.size(); ++i) {
      const float x = a[i], y = b[i];
      const bool expected[] = {
          std::isnan(x), x != x, std::isinf(x), std::isfinite(x), x < y,
          x >= y,        x == y, !(x <= y),     std::isnormal(x), std::isunordered(x, y)};
      for (size_t s = 0; s < std::size(expected); ++s)
        EXPECT_EQ(r[s][i], float(expected[s]))
            << name_of(mode) << ": " << kQuestions[s] << x << " " << y;
    }
  }
}

TEST(NotANumber, ArithmeticFollowsIeee) {
  for (const MathMode mode : kModes) {
    auto r = floats({"r = a - a;", "r = a * b;", "r = b / b;", "r = c / b;", "r = sqrt(-c);",
                     "r = exp(-a);", "r = log(b);", "r = c / a;", "r = a * c * c;"},
                    mode, {kInfinity}, {0.0f}, {1e30f});
    ASSERT_EQ(r.size(), 9u);
    for (const size_t nan : {0u, 1u, 2u, 4u}) EXPECT_TRUE(std::isnan(r[nan][0])) << nan;
    EXPECT_EQ(std::abs(r[3][0]), kInfinity);
    EXPECT_EQ(r[5][0], 0.0f);
    EXPECT_EQ(r[6][0], -kInfinity);
    EXPECT_EQ(r[7][0], 0.0f);
    EXPECT_EQ(r[8][0], kInfinity);
  }
}

TEST(NotANumber, MinAndMaxPreferNumbers) {
  const std::vector<std::string> statements = {
      "r = fmin(a, b);",    "r = fmax(a, b);",         "r = min(b, a);",
      "r = max(b, a);",     "r = clamp(a, b, b + 1);", "r = precise::fmin(a, b);",
      "r = min3(a, a, b);", "r = fmin(a, a);"};
  for (const MathMode mode : kModes) {
    auto r = floats(statements, mode, {NAN}, {2.0f});
    ASSERT_EQ(r.size(), statements.size());
    for (size_t s = 0; s + 1 < statements.size(); ++s) EXPECT_EQ(r[s][0], 2.0f) << statements[s];
    EXPECT_TRUE(std::isnan(r.back()[0]));
    for (const char* type : {"half", "bfloat"}) {
      auto narrow = floats({std::string("r = fmin(") + type + "(a), " + type + "(b));",
                            std::string("r = fmax(") + type + "(b), " + type + "(a));"},
                           mode, {NAN}, {2.0f});
      ASSERT_EQ(narrow.size(), 2u);
      EXPECT_EQ(narrow[0][0], 2.0f) << type;
      EXPECT_EQ(narrow[1][0], 2.0f) << type;
    }
  }
}

// Signs of zero

TEST(SignedZeros, KeptInSafe) {
  auto r = floats({"r = a * b;", "r = a + a;", "r = a - 0.0f;", "r = 1 / a;", "r = a + 0.0f;",
                   "r = -a;", "r = 0.0f - a;", "r = sqrt(a);", "r = copysign(1.0f, a);",
                   "r = a * 1.0f;", "r = trunc(a - 0.5f);"},
                  MathMode::safe, {-0.0f}, {5.0f});
  ASSERT_EQ(r.size(), 11u);
  for (const size_t negative : {0u, 1u, 2u, 7u, 9u, 10u})
    EXPECT_EQ(bits(r[negative][0]), 0x80000000u) << negative;
  for (const size_t positive : {4u, 5u, 6u}) EXPECT_EQ(bits(r[positive][0]), 0u) << positive;
  EXPECT_EQ(r[3][0], -kInfinity);
  EXPECT_EQ(r[8][0], -1.0f);
}

// In the others a zero is a zero; its sign is nobody's promise.
TEST(SignedZeros, OtherModesGiveZeros) {
  for (const MathMode mode : {MathMode::relaxed, MathMode::fast}) {
    auto r = floats({"r = a * b;", "r = a + 0.0f;", "r = fmin(a, 0.0f);"}, mode, {-0.0f}, {5.0f});
    ASSERT_EQ(r.size(), 3u);
    for (const auto& each : r) EXPECT_EQ(each[0], 0.0f);
  }
}

// Denormals

TEST(Denormals, KeptByFloats) {
  const std::vector<std::string> statements = {"r = a * 0.5f;",
                                               "r = a + a;",
                                               "r = a - b;",
                                               "r = a > 0;",
                                               "r = a * 0x1p100f;",
                                               "r = fmax(a, 0.0f);",
                                               "r = fma(a, 0.5f, 0.0f);",
                                               "r = sqrt(a);",
                                               "r = exp(-95.0f + b);",
                                               "r = abs(a);",
                                               "r = a / 2;"};
  const float a = 0x1.8p-127f, b = 0x1p-140f;
  const float expected[] = {
      a / 2, a + a, a - b, 1, a * 0x1p100f, a, a / 2, std::sqrt(a), std::exp(-95.0f), a, a / 2};
  for (const MathMode mode : kModes) {
    auto r = floats(statements, mode, {a}, {b});
    ASSERT_EQ(r.size(), statements.size());
    for (size_t s = 0; s < statements.size(); ++s)
      EXPECT_EQ(r[s][0], expected[s]) << name_of(mode) << ": " << statements[s];
  }
}

TEST(Denormals, KeptByHalvesAndBfloats) {
  for (const MathMode mode : kModes) {
    auto half = evaluate<uint16_t, uint16_t>(
        {"r = a * In(0.5f);", "r = a + a;", "r = In(float(a));", "r = In(0x1p-24f);"}, mode,
        {0x0200}, {}, {}, "half", "half");
    ASSERT_EQ(half.size(), 4u);
    EXPECT_EQ(half[0][0], 0x0100) << name_of(mode);
    EXPECT_EQ(half[1][0], 0x0400) << name_of(mode);
    EXPECT_EQ(half[2][0], 0x0200) << name_of(mode);
    EXPECT_EQ(half[3][0], 0x0001) << name_of(mode);
    auto bfloat = evaluate<uint16_t, uint16_t>(
        {"r = a * In(0.5f);", "r = a + a;", "r = In(float(a));", "r = In(0x1p-133f);"}, mode,
        {0x0040}, {}, {}, "bfloat", "bfloat");
    ASSERT_EQ(bfloat.size(), 4u);
    EXPECT_EQ(bfloat[0][0], 0x0020) << name_of(mode);
    EXPECT_EQ(bfloat[1][0], 0x0080) << name_of(mode);
    EXPECT_EQ(bfloat[2][0], 0x0040) << name_of(mode);
    EXPECT_EQ(bfloat[3][0], 0x0001) << name_of(mode);
  }
}

// Special values, as annex F of C and IEEE 754-2019, 9.2.1, have them

struct Special {
  const char* expression;  ///< of a and b
  float a, b, expected;
};

const float kPi = 3.14159265f;
const Special kSpecials[] = {
    {"pow(a, b)", 0, -1, kInfinity},
    {"pow(a, b)", -0.0f, -3, -kInfinity},
    {"pow(a, b)", -0.0f, -2, kInfinity},
    {"pow(a, b)", 0, -kInfinity, kInfinity},
    {"pow(a, b)", -0.0f, 3, -0.0f},
    {"pow(a, b)", -0.0f, 2, 0},
    {"pow(a, b)", -1, kInfinity, 1},
    {"pow(a, b)", 1, NAN, 1},
    {"pow(a, b)", NAN, 0, 1},
    {"pow(a, b)", NAN, 1, NAN},
    {"pow(a, b)", -8, 0.3125f, NAN},
    {"pow(a, b)", -8, 3, -512},
    {"pow(a, b)", 0.5f, -kInfinity, kInfinity},
    {"pow(a, b)", 0.5f, kInfinity, 0},
    {"pow(a, b)", -2, kInfinity, kInfinity},
    {"pow(a, b)", 2, -kInfinity, 0},
    {"pow(a, b)", -kInfinity, -3, -0.0f},
    {"pow(a, b)", -kInfinity, -2, 0},
    {"pow(a, b)", -kInfinity, 3, -kInfinity},
    {"pow(a, b)", -kInfinity, 2.5f, kInfinity},
    {"pow(a, b)", kInfinity, -1, 0},
    {"powr(a, b)", -1, 2, NAN},
    {"powr(a, b)", 0, 0, NAN},
    {"powr(a, b)", kInfinity, 0, NAN},
    {"powr(a, b)", 1, kInfinity, NAN},
    {"powr(a, b)", 1, NAN, NAN},
    {"powr(a, b)", 0, -2, kInfinity},
    {"powr(a, b)", -0.0f, 3, 0},
    {"powr(a, b)", 2, 0, 1},
    {"atan2(a, b)", 0, -0.0f, kPi},
    {"atan2(a, b)", -0.0f, -1, -kPi},
    {"atan2(a, b)", -0.0f, 0, -0.0f},
    {"atan2(a, b)", -1, 0, -kPi / 2},
    {"atan2(a, b)", kInfinity, kInfinity, kPi / 4},
    {"atan2(a, b)", -kInfinity, -kInfinity, -3 * kPi / 4},
    {"atan2(a, b)", 1, kInfinity, 0},
    {"fmod(a, b)", -0.0f, 2, -0.0f},
    {"fmod(a, b)", 1, 0, NAN},
    {"fmod(a, b)", kInfinity, 2, NAN},
    {"fmod(a, b)", -5, kInfinity, -5},
    {"fmod(a, b)", -4, 2, -0.0f},
    {"exp(a)", -kInfinity, 0, 0},
    {"exp2(a)", kInfinity, 0, kInfinity},
    {"log(a)", -0.0f, 0, -kInfinity},
    {"log2(a)", -1, 0, NAN},
    {"log10(a)", kInfinity, 0, kInfinity},
    {"sin(a)", -0.0f, 0, -0.0f},
    {"cos(a)", kInfinity, 0, NAN},
    {"tan(a)", -kInfinity, 0, NAN},
    {"sinpi(a)", -2, 0, -0.0f},
    {"cospi(a)", 0.5f, 0, 0},
    {"tanpi(a)", 0.5f, 0, kInfinity},
    {"asin(a)", 2, 0, NAN},
    {"acos(a)", 1, 0, 0},
    {"atan(a)", -kInfinity, 0, -kPi / 2},
    {"sinh(a)", -kInfinity, 0, -kInfinity},
    {"cosh(a)", -kInfinity, 0, kInfinity},
    {"tanh(a)", -kInfinity, 0, -1},
    {"acosh(a)", 0.5f, 0, NAN},
    {"acosh(a)", 1, 0, 0},
    {"atanh(a)", -1, 0, -kInfinity},
    {"atanh(a)", 1.5f, 0, NAN},
    {"sqrt(a)", -0.0f, 0, -0.0f},
    {"sqrt(a)", -1, 0, NAN},
    {"rsqrt(a)", -0.0f, 0, -kInfinity},
    {"rsqrt(a)", kInfinity, 0, 0},
    {"fdim(a, b)", NAN, 1, NAN},
    {"fdim(a, b)", kInfinity, kInfinity, 0},
    {"ceil(a)", -0.5f, 0, -0.0f},
    {"round(a)", -2.5f, 0, -3},
    {"rint(a)", 2.5f, 0, 2},
    {"rint(a)", -0.25f, 0, -0.0f},
    {"fract(a)", kInfinity, 0, 0},
    {"ldexp(a, int(b))", kInfinity, -3, kInfinity},
    {"ldexp(a, int(b))", -1, 200, -kInfinity},
    {"nextafter(a, b)", -0.0f, 0, 0},
    {"copysign(a, b)", NAN, -0.0f, NAN},
    {"sign(a)", -0.0f, 0, -0.0f},
};

TEST(SpecialValues, FollowCAndIeee) {
  for (const char* type : {"float", "half", "bfloat"}) {
    for (const MathMode mode : {MathMode::safe, MathMode::relaxed}) {
      std::vector<float> operands, out(std::size(kSpecials));
      std::string body = std::string("typedef ") + type +
                         " T;\nkernel void k(device const float* in "
                         "[[buffer(0)]], device float* out [[buffer(1)]]) {\n";
      for (size_t i = 0; i < out.size(); ++i) {
        operands.insert(operands.end(), {kSpecials[i].a, kSpecials[i].b});
        const std::string at = std::to_string(2 * i);
        body.append("  { const T a = T(in[").append(at).append("]), b = T(in[").append(at);
        body.append(" + 1]); out[").append(std::to_string(i)).append("] = float(");
        body.append(kSpecials[i].expression).append("); }\n");
      }
      ASSERT_TRUE(run_text(body + "}\n", {argument(operands), argument(out)}, 1, 1, mode));
      for (size_t i = 0; i < out.size(); ++i) {
        const Special& row = kSpecials[i];
        const std::string what = std::string(type) + " " + name_of(mode) + ": " + row.expression +
                                 ", a = " + std::to_string(row.a) +
                                 ", b = " + std::to_string(row.b);
        if (std::isnan(row.expected)) {
          EXPECT_TRUE(std::isnan(out[i])) << what << ": " << out[i];
        } else if (std::isinf(row.expected) || row.expected == std::trunc(row.expected)) {
          EXPECT_EQ(out[i], row.expected) << what;
          // Signs of zeros are promised in safe.
          if (mode == MathMode::safe)
            EXPECT_EQ(std::signbit(out[i]), std::signbit(row.expected)) << what;
        } else {
          EXPECT_NEAR(out[i], row.expected, std::abs(row.expected) * 0x1p-8) << what;
        }
      }
    }
  }
}

// The environment of the program

/// What a kernel gives that rounding, flushing and traps would change; simd_sum runs elsewhere than
/// the kernel's own code.
std::vector<float> sensitive_results() {
  const std::vector<float> a(64, 1.0f), b(64, 3.0f), c(64, 0x1p-130f);
  auto r = floats({"r = a / b;", "r = c * 0.5f;", "r = exp(b);", "r = simd_sum(a / b + c);",
                   "r = simd_sum(c);", "r = a / (a - a);", "r = sqrt(-b);", "r = half(a / b);"},
                  MathMode::safe, a, b, c);
  std::vector<float> out;
  for (const auto& each : r) out.insert(out.end(), each.begin(), each.end());
  return out;
}

TEST(Environment, OfTheCallerChangesNothing) {
  const std::vector<float> expected = sensitive_results();
  ASSERT_EQ(expected.size(), 8u * 64);
  EXPECT_EQ(expected[0], 1.0f / 3.0f);
  EXPECT_EQ(expected[64], 0x1p-131f);
  EXPECT_EQ(expected[4 * 64], 0x1p-125f);
  // In a thread of its own: new workers with new stacks may be made in it.
  std::thread([&] {
    for (const int rounding : {FE_UPWARD, FE_TOWARDZERO, FE_DOWNWARD}) {
      std::fesetround(rounding);
      feenableexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW);
#ifdef __x86_64__
      _mm_setcsr(_mm_getcsr() | 0x8040);  // denormals are zeros, both ways
      const unsigned before = _mm_getcsr();
#endif
      const std::vector<float> got = sensitive_results();
#ifdef __x86_64__
      EXPECT_EQ(_mm_getcsr(), before) << "the caller's own settings were changed";
#endif
      EXPECT_EQ(std::fegetround(), rounding);
      std::fesetenv(FE_DFL_ENV);
      ASSERT_EQ(got.size(), expected.size());
      EXPECT_EQ(std::memcmp(got.data(), expected.data(), got.size() * sizeof(float)), 0);
    }
  }).join();
}

}  // namespace
}  // namespace anymetal
