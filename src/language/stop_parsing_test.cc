// Texts that Clang would read for ages, or until the memory is full: each ends when it is asked to.
#include "language/stop_parsing.h"

#include <chrono>
#include <thread>

#include "language/testing.h"
#include "support/stop_flag.h"

namespace anymetal::language {
namespace {

constexpr const char* kKernel = "kernel void k(device float* a) {\n";

/// 2^60 templates, none like another.
std::string many_templates() {
  return "template <int N, ulong M> struct F {\n"
         "  static constexpr constant int v = F<N - 1, 2 * M>::v + F<N - 1, 2 * M + 1>::v;\n};\n"
         "template <ulong M> struct F<0, M> { static constexpr constant int v = 1; };\n" +
         std::string(kKernel) + "  a[0] = F<60, 1>::v;\n}\n";
}

/// Each macro is the one before, twice.
std::string doubling(const std::string& first) {
  std::string text = "#define A0 " + first + "\n";
  for (int i = 1; i <= 60; ++i) {
    const std::string before = "A" + std::to_string(i - 1);
    text += "#define A" + std::to_string(i) + " " + before + " " + before + "\n";
  }
  return text + kKernel + "  a[0] = 1 A60;\n}\n";
}

std::string long_body() {
  std::string text = "#include <metal_stdlib>\nusing namespace metal;\n" + std::string(kKernel);
  for (int i = 0; i < 400'000; ++i) text += "  a[1] = max(a[0], a[2]) + 1;\n";
  return text + "}\n";
}

struct Case {
  const char* name;
  std::string text;
};

class Stop : public testing::TestWithParam<Case> {};

TEST_P(Stop, EndsTheCompilation) {
  StopFlag flag;
  std::thread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    flag.request(1);
  });
  {
    const StoppableScope scope(&flag);
    const auto parsed = parse(source_of(GetParam().text), {});
    ASSERT_FALSE(parsed.ok());
    EXPECT_EQ(parsed.error().kind, ErrorKind::stopped) << parsed.error().text().substr(0, 1000);
  }
  other.join();
  EXPECT_TRUE(parse(source_of(std::string(kKernel) + "a[0] = 1; }"), {}).ok());
}

INSTANTIATE_TEST_SUITE_P(Each, Stop,
                         testing::Values(Case{"templates", many_templates()},
                                         Case{"macros", doubling("")}, Case{"body", long_body()}),
                         [](const auto& info) { return info.param.name; });

TEST(Stop, IsSeenByEveryPart) {
  StopFlag flag;
  flag.request(1);
  const std::string text = std::string(kKernel) + "a[0] = 1; }";
  const auto parsed = parse(source_of(text), {});
  ASSERT_TRUE(parsed.ok());
  {
    const StoppableScope scope(&flag);
    EXPECT_EQ(parse(source_of(text), {}).error().kind, ErrorKind::stopped);
    EXPECT_EQ((*parsed)->emit("k").error().kind, ErrorKind::stopped);
  }
  EXPECT_TRUE((*parsed)->emit("k").ok());  // the tree is as it was
}

TEST(Tokens, HaveALimit) {
  EXPECT_TRUE(says(error_of(doubling("+ 1")), 63, 12,
                   "the text has more than 10,000,000 tokens, with its macros expanded"));
}

}  // namespace
}  // namespace anymetal::language
