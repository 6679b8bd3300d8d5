// What kernels write by os_log and printf: the text, the order, the limit.
#include <cstdio>

#include "../executor_under_test.h"
#include "run_text.h"

namespace anymetal {
namespace {

struct Written {
  std::string text;
  backend::MessageLevel level;
  std::string subsystem, category;
  uint32_t thread = 0;
};

struct Collector final : backend::MessageSink {
  void receive(const backend::Message& message) override {
    messages.push_back({std::string(message.text), message.level, std::string(message.subsystem),
                        std::string(message.category), message.thread[0]});
  }
  void dropped(uint64_t count) override { lost += count; }

  std::vector<Written> messages;
  uint64_t lost = 0;
};

std::string host(const char* format, auto... values) {
  char text[200];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

TEST(Messages, ArgumentsOfEveryType) {
  Collector collector;
  std::vector<float> in = {1.5f, -2.25f, 1e10f, 3.0f};
  ASSERT_TRUE(run_text(R"(
enum class Color : ushort { red = 7 };
kernel void k(device const float4* in) {
  const float4 v = in[0];
  printf("plain\n");
  printf("%d %u %x %c\n", -5, 7u, 255, 'x');
  printf("%f %.2f %e\n", v.x, v.y, v.z);
  printf("%.3f %g\n", half(0.333h), bfloat(2));
  printf("%ld %lu %hhd %hd\n", long(-1) << 40, ulong(1) << 63, char(-3), short(300));
  printf("%.1v4f %v2d %v3hhu\n", v, int2(-1, 2), uchar3(1, 2, 255));
  printf("%v3f %d %d\n", packed_float3(v.xyz), true, Color::red);
  printf("%d%%\n", in[0].x > 1 ? 50 : 0);
})",
                       {argument(in)}, 1, 1, MathMode::safe, {}, &collector));
  const std::vector<std::string> want = {
      "plain\n",
      host("%d %u %x %c\n", -5, 7u, 255, 'x'),
      host("%f %.2f %e\n", 1.5, -2.25, 1e10),
      host("%.3f %g\n", 0.333, 2.0),
      host("%ld %lu %hhd %hd\n", long(-1) << 40, 1ul << 63, -3, 300),
      "1.5,-2.2,10000000000.0,3.0 -1,2 1,2,255\n",
      "1.500000,-2.250000,10000000000.000000 1 7\n",
      "50%\n",
  };
  ASSERT_EQ(collector.messages.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(collector.messages[i].text, want[i]);
    EXPECT_EQ(collector.messages[i].level, backend::MessageLevel::printf);
  }
}

TEST(Messages, LogsLevelsAndNames) {
  Collector collector;
  std::vector<int> level = {3};
  ASSERT_TRUE(run_text(R"(
#include <metal_logging>
constant os_log custom("com.example.kernels", "sums");
void helper(constant os_log& log, int x) { log.log_info("helped with %d", x); }
kernel void k(device const int* level) {
  os_log_default.log("default %d", level[0]);
  os_log_default.log_debug("debug");
  os_log_default.log_error("error");
  custom.log_fault("fault %v2f", float2(1, 2));
  helper(custom, 4);
  custom.log_with_type(os_log_type(level[0]), "by type");
})",
                       {argument(level)}, 1, 1, MathMode::safe, {}, &collector));
  using backend::MessageLevel;
  const Written want[] = {
      {"default 3", MessageLevel::normal, "", ""},
      {"debug", MessageLevel::debug, "", ""},
      {"error", MessageLevel::error, "", ""},
      {"fault 1.000000,2.000000", MessageLevel::fault, "com.example.kernels", "sums"},
      {"helped with 4", MessageLevel::info, "com.example.kernels", "sums"},
      {"by type", MessageLevel::error, "com.example.kernels", "sums"}};
  ASSERT_EQ(collector.messages.size(), std::size(want));
  for (size_t i = 0; i < std::size(want); ++i) {
    EXPECT_EQ(collector.messages[i].text, want[i].text);
    EXPECT_EQ(collector.messages[i].level, want[i].level) << i;
    EXPECT_EQ(collector.messages[i].subsystem, want[i].subsystem) << i;
    EXPECT_EQ(collector.messages[i].category, want[i].category) << i;
  }
}

// Threadgroup by threadgroup, however many processors ran them, and again the same.
TEST(Messages, ComeInTheOrderOfThreadgroups) {
  for (const bool meets : {false, true}) {
    std::vector<std::string> first;
    for (int round = 0; round < 3; ++round) {
      Collector collector;
      std::vector<int> out(4096);
      ASSERT_TRUE(run_text(std::string("kernel void k(device int* out, uint i "
                                       "[[thread_position_in_grid]]) {\n"
                                       "  for (int n = 0; n < 2; ++n) {\n"
                                       "    printf(\"%u:%d\", i, n);\n    ") +
                               (meets ? "threadgroup_barrier(mem_flags::mem_none);\n" : "") +
                               "    out[i] += n;\n  }\n}\n",
                           {argument(out)}, 4096, 64, MathMode::safe, {}, &collector, 1 << 22));
      ASSERT_EQ(collector.messages.size(), 8192u);
      std::vector<std::string> texts;
      for (size_t i = 0; i < collector.messages.size(); ++i) {
        const Written& message = collector.messages[i];
        texts.push_back(message.text);
        EXPECT_EQ(message.thread / 64, i / 128) << i;
        // Lanes write together: the first messages of all, then the second ones.
        if (!meets && !is_cpu_under_test())
          EXPECT_EQ(message.text, std::to_string(i / 2) + ":" + std::to_string(i % 2));
      }
      if (round == 0) first = texts;
      EXPECT_EQ(texts, first);
    }
  }
}

TEST(Messages, TheFirstOnesAreKept) {
  const char* const text =
      "kernel void k(uint i [[thread_position_in_grid]]) { printf(\"message of %u\", i); }";
  Collector collector;
  ASSERT_TRUE(run_text(text, {}, 10000, 32, MathMode::safe, {}, &collector, 9000));
  ASSERT_GT(collector.messages.size(), 50u);
  ASSERT_LT(collector.messages.size(), 150u);
  for (size_t i = 0; i < collector.messages.size(); ++i) {
    EXPECT_EQ(collector.messages[i].text, "message of " + std::to_string(i));
  }
  EXPECT_EQ(collector.messages.size() + collector.lost, 10000u);
  EXPECT_TRUE(run_text(text, {}, 100)) << "nobody listens";
}

TEST(Messages, WhatCanBeNoMessageIsRefused) {
  struct Case {
    const char* body;
    const char* words;
  };
  const Case cases[] = {
      {"printf(\"%s\", \"text\");", "a string can't be an argument"},
      {"struct S { int x; } s; printf(\"%d\", s);", "an argument of a message is a number"},
      {"printf(5);", ""}};
  for (const Case& one : cases) {
    const Error error =
        parse_error(std::string("kernel void k(device int* o) { ") + one.body + " }");
    EXPECT_NE(error.text().find(one.words), std::string::npos) << error.text();
  }
}

}  // namespace
}  // namespace anymetal
