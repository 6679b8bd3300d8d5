// How the effort of a compilation grows with the kernel, as a ratio of this thread's own processor
// time between a kernel and one four times as long: machines and their load cancel out. Effort that
// grows in proportion gives 4, quadratic effort 16. And how a compilation ends before its time.
#include <time.h>

#include <algorithm>

#include "backend/reference/test_kernel.h"

namespace anymetal::backend::reference {
namespace {

double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return double(now.tv_sec) + double(now.tv_nsec) * 1e-9;
}

/// A sum of `count` reads, each behind a condition of its own.
std::string conditional_reads(int count) {
  std::string text =
      "define void @k(ptr addrspace(1) %x, ptr addrspace(1) %y, ptr addrspace(1) %c) {\n"
      "entry:\n  %n = load i32, ptr addrspace(1) %c\n  br label %b0\n";
  std::string sum = "0.0", from = "entry";
  for (int i = 0; i < count; ++i) {
    const std::string before = std::to_string(i - 1), n = std::to_string(i);
    const std::string next = std::to_string(i + 1);
    text += "b" + n + ":\n  %s" + n + " = phi float [ " + sum + ", %" + from + " ]" +
            (i == 0 ? "" : ", [ %s" + before + ", %b" + before + " ]") + "\n  %c" + n +
            " = icmp ugt i32 %n, " + n + "\n  br i1 %c" + n + ", label %t" + n + ", label %b" +
            next + "\nt" + n + ":\n  %p" + n + " = getelementptr float, ptr addrspace(1) %x, i64 " +
            n + "\n  %v" + n + " = load float, ptr addrspace(1) %p" + n + "\n  %a" + n +
            " = fadd float %s" + n + ", %v" + n + "\n  br label %b" + next + "\n";
    sum = "%a" + n;
    from = "t" + n;
  }
  const std::string last = std::to_string(count - 1), end = std::to_string(count);
  return text + "b" + end + ":\n  %s" + end + " = phi float [ " + sum + ", %" + from + " ], [ %s" +
         last + ", %b" + last + " ]\n  store float %s" + end +
         ", ptr addrspace(1) %y\n  ret void\n}\n";
}

/// As many writes one after another.
std::string straight_writes(int count) {
  std::string text =
      "define void @k(ptr addrspace(1) %x, ptr addrspace(1) %y, ptr addrspace(1) %c) {\n";
  for (int i = 0; i < count; ++i) {
    const std::string n = std::to_string(i);
    text += "  %p" + n + " = getelementptr float, ptr addrspace(1) %x, i64 " + n + "\n  %v" + n +
            " = load float, ptr addrspace(1) %p" + n + "\n  %q" + n +
            " = getelementptr float, ptr addrspace(1) %y, i64 " + n + "\n  store float %v" + n +
            ", ptr addrspace(1) %q" + n + "\n";
  }
  return text + "  ret void\n}\n";
}

const std::vector<TestBuffer> kBuffers{{"x"}, {"y"}, {"c", "uint"}};

/// Each call brings variables and branches of its own.
std::string calls_with_variables(int count) {
  std::string text = "define internal float @f(float %l0) {\n", body;
  for (int i = 0; i < 30; ++i) {
    const std::string n = std::to_string(i), next = std::to_string(i + 1);
    text += "  %v" + n + " = alloca float\n";
    body += "  store float %l" + n + ", ptr %v" + n + "\n  %c" + n + " = fcmp olt float %l" + n +
            ", " + n + ".0\n  br i1 %c" + n + ", label %t" + n + ", label %e" + n + "\nt" + n +
            ":\n  store float " + n + ".0, ptr %v" + n + "\n  br label %e" + n + "\ne" + n +
            ":\n  %l" + next + " = load float, ptr %v" + n + "\n";
  }
  text += body +
          "  ret float %l30\n}\n"
          "define void @k(ptr addrspace(1) %x, ptr addrspace(1) %y, ptr addrspace(1) %c) {\n"
          "  %a0 = load float, ptr addrspace(1) %x\n";
  for (int i = 0; i < count; ++i) {
    const std::string n = std::to_string(i);
    text += "  %a" + std::to_string(i + 1) + " = call float @f(float %a" + n + ")\n";
  }
  return text + "  store float %a" + std::to_string(count) +
         ", ptr addrspace(1) %y\n  ret void\n}\n";
}

double seconds_of(const std::string& text, Bounds bounds) {
  ThreadIr ir = make_ir(text, kBuffers);
  const double start = processor_seconds();
  const auto kernel = reference_backend().compile(std::move(ir), {.bounds = bounds});
  const double seconds = processor_seconds() - start;
  EXPECT_TRUE(kernel.ok()) << kernel.error().text();
  return seconds;
}

/// A processor's speed may halve from one moment to the next: both are compiled in turn, and what
/// grows too fast does so in all rounds.
void expect_proportion(const std::string& text, const std::string& four_times, Bounds bounds) {
  constexpr int kRounds = 10;
  constexpr double kMost = 9;
  double one = 1e9, four = 1e9;
  for (int round = 0; round < kRounds && (round < 2 || four / one >= kMost); ++round) {
    one = std::min(one, seconds_of(text, bounds));
    four = std::min(four, seconds_of(four_times, bounds));
  }
  EXPECT_LT(four / one, kMost) << one << " s and " << four << " s";
}

class CompileEffort : public testing::TestWithParam<Bounds> {};

TEST_P(CompileEffort, GrowsInProportionToConditionalReads) {
  expect_proportion(conditional_reads(500), conditional_reads(2000), GetParam());
}

TEST_P(CompileEffort, GrowsInProportionToStraightWrites) {
  expect_proportion(straight_writes(500), straight_writes(2000), GetParam());
}

TEST_P(CompileEffort, GrowsInProportionToCallsWithVariables) {
  expect_proportion(calls_with_variables(30), calls_with_variables(120), GetParam());
}

INSTANTIATE_TEST_SUITE_P(EachBounds, CompileEffort,
                         testing::Values(Bounds::error, Bounds::robust, Bounds::off),
                         [](const auto& info) {
                           return std::string(info.param == Bounds::error    ? "error"
                                              : info.param == Bounds::robust ? "robust"
                                                                             : "off");
                         });

TEST(LargeKernels, AreRefusedBeforeTheyAreMade) {
  std::string text = "define internal float @f0(float %x) { ret float %x }\n";
  for (int i = 1; i <= 40; ++i) {
    const std::string n = std::to_string(i), callee = "@f" + std::to_string(i - 1);
    text += "define internal float @f" + n + "(float %x) {\n  %a = call float " + callee +
            "(float %x)\n  %b = call float " + callee +
            "(float %a)\n  %c = fadd float %a, %b\n  ret float %c\n}\n";
  }
  text +=
      "define void @k(ptr addrspace(1) %y) {\n  %v = call float @f40(float 1.0)\n"
      "  store float %v, ptr addrspace(1) %y\n  ret void\n}\n";
  const auto refused = reference_backend().compile(make_ir(text, {{"y"}}), {});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().kind, ErrorKind::unsupported);
  EXPECT_NE(refused.error().message.find("the limit is 1,000,000"), std::string::npos);
}

TEST(Compilation, EndsOnRequest) {
  StopFlag flag;
  flag.request(1);
  const std::string text = straight_writes(10);
  {
    const StoppableScope scope(&flag);
    const auto stopped = reference_backend().compile(make_ir(text, kBuffers), {});
    ASSERT_FALSE(stopped.ok());
    EXPECT_EQ(stopped.error().kind, ErrorKind::stopped);
  }
  EXPECT_TRUE(reference_backend().compile(make_ir(text, kBuffers), {}).ok());
}

}  // namespace
}  // namespace anymetal::backend::reference
