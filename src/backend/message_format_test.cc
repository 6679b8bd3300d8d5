// The text of messages against the host's own snprintf.
#include "backend/message_format.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstdio>

namespace anymetal::backend {
namespace {

MessageArgument signed_value(int64_t value, uint32_t bytes = 4) {
  return {uint32_t(MessageKind::signed_integer), 1, bytes, 0, {uint64_t(value)}};
}
MessageArgument unsigned_value(uint64_t value, uint32_t bytes = 4) {
  return {uint32_t(MessageKind::unsigned_integer), 1, bytes, 0, {value}};
}
MessageArgument real(float value) {
  return {uint32_t(MessageKind::floating), 1, 4, 0, {std::bit_cast<uint32_t>(value)}};
}

template <class... T>
std::string host(const char* format, T... values) {
  char text[200];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

std::string ours(const char* format, std::vector<MessageArgument> arguments) {
  return format_message(format, arguments);
}

TEST(MessageFormat, IntegersAsTheHostWritesThem) {
  for (const char* format : {"%d", "%5d|", "%-5d|", "%+d", "%05i", "%.3d", "% d"}) {
    for (const int value : {0, 7, -12345, INT32_MIN})
      EXPECT_EQ(ours(format, {signed_value(value)}), host(format, value)) << format;
  }
  for (const char* format : {"%u", "%x", "%#X", "%o", "%08x", "%-12u|"}) {
    for (const unsigned value : {0u, 255u, 4000000000u})
      EXPECT_EQ(ours(format, {unsigned_value(value)}), host(format, value)) << format;
  }
  EXPECT_EQ(ours("%hhd %hd %x %u", {signed_value(300), signed_value(-70000), signed_value(-1, 1),
                                    signed_value(-1, 2)}),
            host("%hhd %hd %x %u", 300, -70000, -1, -1));
  EXPECT_EQ(ours("%ld %lu %llx", {signed_value(INT64_MIN, 8), unsigned_value(UINT64_MAX, 8),
                                  unsigned_value(1ull << 40, 8)}),
            host("%lld %llu %llx", LLONG_MIN, ULLONG_MAX, 1ull << 40));
  EXPECT_EQ(ours("%c%c", {signed_value('h'), signed_value('i')}), "hi");
}

TEST(MessageFormat, FloatsAsTheHostWritesThem) {
  for (const char* format : {"%f", "%.3f", "%10.2f|", "%e", "%G", "%a", "%-9.1f|", "%+g", "%.0f"}) {
    for (const float value : {0.0f, -0.5f, 3.14159274f, 1e30f, __builtin_inff(), -1e-40f})
      EXPECT_EQ(ours(format, {real(value)}), host(format, double(value))) << format;
  }
}

TEST(MessageFormat, Vectors) {
  MessageArgument v{uint32_t(MessageKind::floating), 4, 4, 0, {}};
  for (int i = 0; i < 4; ++i) v.values[i] = std::bit_cast<uint32_t>(float(i) + 0.5f);
  EXPECT_EQ(ours("v = %v4f.", {v}), "v = 0.500000,1.500000,2.500000,3.500000.");
  EXPECT_EQ(ours("%.1v4f", {v}), "0.5,1.5,2.5,3.5");
  EXPECT_EQ(ours("%5.1v4hlf|", {v}), "  0.5,  1.5,  2.5,  3.5|");
  MessageArgument c{uint32_t(MessageKind::signed_integer), 3, 1, 0, {uint64_t(-1), 2, 127}};
  EXPECT_EQ(ours("%v3hhd %v3hhx", {c, c}), "-1,2,127 ff,2,7f");
}

TEST(MessageFormat, OddFormats) {
  EXPECT_EQ(ours("100%% of %d%%", {signed_value(3)}), "100% of 3%");
  EXPECT_EQ(ours("%d and %d", {signed_value(1)}), "1 and %d") << "no argument is left";
  EXPECT_EQ(ours("%", {signed_value(1)}), "%");
  EXPECT_EQ(ours("%n%q", {signed_value(1)}), "%n%q");
  EXPECT_EQ(ours("%*d", {signed_value(1)}), "%*d");
  EXPECT_EQ(ours("%99999d", {signed_value(1)}), "%99999d") << "nobody asks for that width";
  EXPECT_EQ(ours("%d %f", {real(2.75f), signed_value(3)}), "2 3.000000") << "converted";
  EXPECT_EQ(ours("%300d", {signed_value(1)}).size(), 300u);
}

}  // namespace
}  // namespace anymetal::backend
