#include "support/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace anymetal {
namespace {

Result<std::unique_ptr<int>> make(bool good) {
  if (good) return std::make_unique<int>(7);
  return user_error("no number");
}

Result<int> twice(bool good) {
  ANYMETAL_ASSIGN_OR_RETURN(std::unique_ptr<int> number, make(good));
  return *number * 2;
}

Result<void> check(bool good) {
  ANYMETAL_RETURN_IF_ERROR(twice(good));
  return {};
}

TEST(Result, CarriesMoveOnlyValues) {
  auto number = make(true);
  ASSERT_TRUE(number.ok());
  EXPECT_EQ(**number, 7);
}

TEST(Result, MacrosPassValuesAndErrorsOn) {
  EXPECT_EQ(twice(true).value(), 14);
  EXPECT_EQ(twice(false).error().message, "no number");
  EXPECT_TRUE(check(true).ok());
  EXPECT_EQ(check(false).error().kind, ErrorKind::user);
}

TEST(Error, TextShowsEachDiagnosticBelowTheMessage) {
  Error error = user_error("kernel 'k' does not compile");
  error.diagnostics.push_back({.file = "k.source",
                               .line = 1,
                               .column = 1,
                               .message = "unknown type name 'flaot'",
                               .text = "flaot x;"});
  EXPECT_EQ(error.text(),
            "kernel 'k' does not compile\n"
            "k.source:1:1: error: unknown type name 'flaot'\n"
            "    1 | flaot x;\n"
            "      | ^\n");
}

}  // namespace
}  // namespace anymetal
