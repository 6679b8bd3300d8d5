// The record of accuracy is true: no function is beyond its bound, none is less accurate than
// recorded, and the page is the record's. And the judge that says so notices wrong results.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <fstream>
#include <random>
#include <sstream>

#include "record.h"

namespace anymetal::accuracy {
namespace {

const std::string kFolder = std::string(ANYMETAL_SOURCE_DIR) + "/bench/accuracy";
constexpr const char* kRenew =
    ". If that is intended: ./dev bench accuracy rewrites the record and the page";

std::string contents(const std::string& path) {
  std::ifstream file(path);
  std::stringstream out;
  out << file.rdbuf();
  return out.str();
}

class Samples : public testing::TestWithParam<std::tuple<const char*, const char*, Executor>> {};

TEST_P(Samples, KeepTheBoundsAndTheRecord) {
  const Format& format = *find_format(std::get<0>(GetParam()));
  const Spelling& spelling = *find_spelling(std::get<1>(GetParam()));
  const Executor executor = std::get<2>(GetParam());
  auto record = Record::read(kFolder + "/record.tsv");
  ASSERT_TRUE(record) << record.error().text();
  auto measured = measure_samples(format, spelling, executor);
  ASSERT_TRUE(measured) << measured.error().text();
  size_t expected = 0;
  for (const Function& function : functions()) expected += applies(spelling, format, function);
  ASSERT_EQ(measured->size(), expected);
  for (const auto& [function, result] : *measured) {
    EXPECT_EQ(result.violations, 0u) << result.first;
    EXPECT_GT(result.operands, 1000u) << function->name;
    EXPECT_LT(result.approximation, 0x1p-60) << function->name << ": the approximation is too bad";
    const auto recorded = record->find(executor, *function, format, spelling).sampled;
    ASSERT_TRUE(recorded) << function->name << " has no recorded error" << kRenew;
    EXPECT_LE(rounded_up(result.ulps), *recorded) << function->name << kRenew;
  }
}

INSTANTIATE_TEST_SUITE_P(Float, Samples,
                         testing::Combine(testing::Values("float"),
                                          testing::Values("safe", "relaxed", "fast",
                                                          "precise::", "fast::"),
                                          testing::ValuesIn(kExecutors)));
INSTANTIATE_TEST_SUITE_P(Narrow, Samples,
                         testing::Combine(testing::Values("half", "bfloat"),
                                          testing::Values("safe", "relaxed", "fast"),
                                          testing::ValuesIn(kExecutors)));

// The long form, on a type that is small enough; its sample has all values already.
TEST(All, CoversEveryValue) {
  const Format& half = *find_format("half");
  const Spelling& safe = *find_spelling("safe");
  const Function& exp = *find_function("exp");
  auto all = measure_all(exp, half, safe, Executor::reference, 2, [](int) {});
  auto samples = measure_samples(half, safe, Executor::reference);
  ASSERT_TRUE(all && samples);
  EXPECT_EQ(all->operands, 65536u);
  EXPECT_EQ(all->violations, 0u) << all->first;
  for (const auto& [function, sampled] : *samples) {
    if (function == &exp) EXPECT_EQ(all->ulps, sampled.ulps);
  }
}

TEST(Record, PageIsMadeOfIt) {
  auto record = Record::read(kFolder + "/record.tsv");
  ASSERT_TRUE(record) << record.error().text();
  EXPECT_EQ(contents(std::string(ANYMETAL_SOURCE_DIR) + "/docs/accuracy.md"), record->page())
      << kRenew;
}

TEST(Record, KeepsBothKindsOfMeasurement) {
  const std::string path = testing::TempDir() + "/record.tsv";
  Record record;
  const Function& exp = *find_function("exp");
  const Spelling& safe = *find_spelling("safe");
  record.set(Executor::cpu, exp, *find_format("float"), safe, false, 0.50001);
  record.set(Executor::cpu, exp, *find_format("float"), safe, true, 0.5);
  ASSERT_TRUE(record.write(path));
  auto again = Record::read(path);
  ASSERT_TRUE(again);
  const Entry entry = again->find(Executor::cpu, exp, *find_format("float"), safe);
  EXPECT_EQ(entry.sampled, 0.5001);
  EXPECT_EQ(entry.all, 0.5);
  EXPECT_FALSE(again->find(Executor::cpu, exp, *find_format("half"), safe).sampled);
}

/// What the judge says of one result.
Measurement judged(const char* function, const char* format, const char* spelling, double x,
                   double result, double y = 0, double z = 0) {
  const Format& f = *find_format(format);
  Judge judge(*find_function(function), f, *find_spelling(spelling), 1 << 20);
  judge.judge({encode(f, x), encode(f, y), encode(f, z)}, encode(f, result));
  return judge.measurement();
}

TEST(Judge, NoticesErrors) {
  const float e = std::exp(1.0f);
  const double ulp = std::nextafter(e, 9.0f) - e;
  EXPECT_EQ(judged("exp", "float", "safe", 1, e).violations, 0u);
  const Measurement four = judged("exp", "float", "safe", 1, e + 3 * ulp);
  EXPECT_EQ(four.violations, 0u);
  EXPECT_GT(four.ulps, 2.4);
  EXPECT_EQ(four.not_nearest, 1u);
  EXPECT_EQ(judged("exp", "float", "safe", 1, e + 5 * ulp).violations, 1u);
  // 3 + floor(2 x) in fast math.
  EXPECT_EQ(judged("exp", "float", "fast", 1, e + 5 * ulp).violations, 0u);
  EXPECT_EQ(judged("exp", "float", "fast", 1, e + 6 * ulp).violations, 1u);
  EXPECT_EQ(judged("exp", "half", "safe", 1, 2.71875).violations, 0u);
  EXPECT_EQ(judged("exp", "half", "safe", 1, 2.722).violations, 1u);
  EXPECT_EQ(judged("sqrt", "float", "safe", 2, std::nextafter(std::sqrt(2.0f), 2.0f)).violations,
            1u);
  EXPECT_EQ(judged("sin", "float", "fast", 3, std::sin(3.0f) + 0x1p-14).violations, 0u);
  EXPECT_EQ(judged("sin", "float", "fast", 3, std::sin(3.0f) + 0x1p-12).violations, 1u);
}

// Results that are right, wrong by some units, of the wrong sign, infinite, or zero, at operands of
// all exponents: with double forms and without, everything that is counted must be the same.
TEST(Judge, DoublesSettleNothingElse) {
  const Format& format = *find_format("float");
  std::mt19937 random(7);
  size_t forms = 0;
  for (const Function& function : functions()) {
    const auto form = double_form(function.name);
    if (form == nullptr) continue;
    ++forms;
    Judge slow(function, format, *find_spelling("safe"), 1 << 20);
    Judge quick(function, format, *find_spelling("safe"), 1 << 20);
    quick.judge_by_doubles();
    for (int i = 0; i < 20000; ++i) {
      // Half of the operands are between 2^-8 and 2^8, where functions are interesting.
      const auto drawn = uint32_t(random());
      const uint32_t x = i % 2 == 0 ? drawn : (drawn & 0x87ffffff) + 0x3c000000;
      const auto near = static_cast<float>(form(std::bit_cast<float>(x)));
      uint32_t result = std::bit_cast<uint32_t>(near);
      if (i % 5 == 1) result += random() % 9 - 4;
      if (i % 512 == 9) result ^= 0x80000000;
      if (i % 512 == 10) result = 0x7f800000;
      if (i % 512 == 11) result = 0;
      slow.judge({x, 0, 0}, result);
      quick.judge({x, 0, 0}, result);
    }
    const Measurement &a = slow.measurement(), &b = quick.measurement();
    EXPECT_EQ(a.operands, b.operands) << function.name;
    EXPECT_EQ(a.ulps, b.ulps) << function.name;
    EXPECT_EQ(a.not_nearest, b.not_nearest) << function.name;
    EXPECT_EQ(a.violations, b.violations) << function.name;
  }
  EXPECT_GE(forms, 30u);
}

TEST(Judge, NoticesWrongKinds) {
  EXPECT_EQ(judged("log", "float", "safe", -1, NAN).violations, 0u);
  EXPECT_EQ(judged("log", "float", "safe", -1, 1).violations, 1u);
  EXPECT_EQ(judged("log", "float", "safe", 1, NAN).violations, 1u);
  EXPECT_EQ(judged("exp", "float", "safe", 1000, INFINITY).violations, 0u);
  EXPECT_EQ(judged("exp", "float", "safe", 1000, -INFINITY).violations, 1u);
  EXPECT_EQ(judged("exp", "float", "safe", 1000, 0x1.fffffep127).violations, 1u);
  EXPECT_EQ(judged("sin", "float", "safe", -0.0, 0.0).violations, 1u);
  EXPECT_EQ(judged("sin", "float", "fast", -0.0, 0.0).violations, 0u);
  // Fast math says nothing about infinities.
  EXPECT_EQ(judged("exp", "float", "fast", INFINITY, 7).operands, 0u);
  EXPECT_EQ(judged("pow", "float", "safe", 1, 1, NAN).violations, 0u);
  EXPECT_EQ(judged("pow", "float", "safe", -8, NAN, 1.0 / 3).violations, 0u);
}

TEST(Judge, KnowsTies) {
  // 1 + 2^-24 is half way between 1 and its neighbour: 1 is even.
  EXPECT_EQ(judged("x + y", "float", "safe", 1, 1, 0x1p-24).violations, 0u);
  EXPECT_EQ(judged("x + y", "float", "safe", 1, 1 + 0x1p-23, 0x1p-24).violations, 1u);
  // A product that is half way, and a push that is 2^-40 of it.
  EXPECT_EQ(judged("fma", "half", "safe", 0x1.004p0, -0x1.808p0, -1.5, 0x1p-24).violations, 1u);
  EXPECT_EQ(judged("fma", "half", "safe", 0x1.004p0, -0x1.804p0, -1.5, 0x1p-24).violations, 0u);
}

TEST(Formats, EncodeAndDecode) {
  for (const Format& format : formats()) {
    for (uint32_t i = 0; i < 65536; ++i) {
      const uint32_t bits = format.bits == 16 ? i : i << 16 | i;
      const double value = decode(format, bits);
      if (std::isnan(value)) continue;
      ASSERT_EQ(encode(format, value), bits) << format.name;
      // Just off the middle to the next goes to the nearer one.
      const double next = decode(format, bits + 1);
      if (!std::isfinite(next) || !std::isfinite(value)) continue;
      const double middle = (value + next) / 2;
      ASSERT_EQ(encode(format, std::nextafter(middle, value)), bits) << format.name;
      ASSERT_EQ(encode(format, std::nextafter(middle, next)), bits + 1) << format.name;
      ASSERT_EQ(encode(format, middle), bits & 1 ? bits + 1 : bits) << format.name;
    }
  }
}

}  // namespace
}  // namespace anymetal::accuracy
