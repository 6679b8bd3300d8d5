#include "lint/lint.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace anymetal::lint {
namespace {

std::vector<std::string> rules_of(const std::vector<Finding>& findings) {
  std::vector<std::string> out;
  for (const Finding& finding : findings)
    out.push_back(finding.rule + ":" + std::to_string(finding.range.line));
  return out;
}

using Names = std::vector<std::string>;

Request body(std::string text) {
  return {.text = std::move(text),
          .input_names = {"x"},
          .output_names = {"y"},
          .inputs = {{.dtype = "float32", .shape = std::nullopt}},
          .outputs = {{.dtype = "float32", .shape = std::nullopt}},
          .threadgroup = Size{256, 1, 1}};
}

TEST(LintTest, FindsABarrierThatSomeThreadsMiss) {
  const auto findings = lint_kernel(body(R"(
    uint i = thread_position_in_threadgroup.x;
    threadgroup float shared[256];
    shared[i] = x[i];
    if (i < 128) threadgroup_barrier(mem_flags::mem_threadgroup);
    y[i] = shared[i];
)"));
  EXPECT_EQ(rules_of(findings), Names{"BARRIER-DIVERGE-001:5"});
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].range.column, 18u);
}

TEST(LintTest, FindsAReadOfWhatOthersWriteAtTheSameTime) {
  const auto findings = lint_kernel(body(R"(
    uint i = thread_position_in_threadgroup.x;
    threadgroup float shared[256];
    shared[i] = x[i];
    y[i] = shared[255 - i];
)"));
  EXPECT_EQ(rules_of(findings), Names{"SHARED-READ-001:5"});
}

TEST(LintTest, IsSilentWithTheBarrier) {
  const auto findings = lint_kernel(body(R"(
    uint i = thread_position_in_threadgroup.x;
    threadgroup float shared[256];
    shared[i] = x[i];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    y[i] = shared[255 - i];
)"));
  EXPECT_EQ(rules_of(findings), Names{});
}

TEST(LintTest, TellsTheCompilersErrorAtItsPlace) {
  const auto findings = lint_kernel(body("uint i = 0;\n  y[i] = cap;\n"));
  ASSERT_EQ(rules_of(findings), Names{"KERNEL-COMPILE-001:2"});
  EXPECT_EQ(findings[0].range.column, 10u);
  EXPECT_EQ(findings[0].range.end_column, 13u);
}

}  // namespace
}  // namespace anymetal::lint
