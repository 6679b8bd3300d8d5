#include "runtime/message_printer.h"

#include <gtest/gtest.h>

#include <vector>

#include "runtime/log.h"

namespace anymetal::runtime {
namespace {

using backend::Message;
using backend::MessageLevel;

class MessagePrinterTest : public testing::Test {
 protected:
  void SetUp() override {
    set_report_sink([this](std::string_view line) { lines.emplace_back(line); });
  }
  void TearDown() override { set_report_sink({}); }

  std::vector<std::string> lines;
};

Message message(MessageLevel level, std::string_view text, uint32_t thread = 0) {
  return {level, {}, {}, text, {thread, 0, 0}};
}

TEST_F(MessagePrinterTest, PrintfFlowsAndLogsAreLines) {
  MessagePrinter printer("k", false);
  printer.receive(message(MessageLevel::printf, "a", 0));
  printer.receive(message(MessageLevel::printf, "b\nc\n\n", 1));
  printer.receive(message(MessageLevel::printf, "open", 2));
  printer.receive(message(MessageLevel::normal, "log\n", 2));
  printer.receive({MessageLevel::error, "sub", "category", "bad", {}});
  printer.receive(message(MessageLevel::printf, "end", 3));
  printer.finish();
  printer.finish();
  EXPECT_EQ(lines, (std::vector<std::string>{"ab", "c", "", "open", "log",
                                             "[sub:category] error: bad", "end"}));
}

TEST_F(MessagePrinterTest, NamesThreads) {
  MessagePrinter printer("k", true);
  printer.receive(message(MessageLevel::printf, "a", 0));
  printer.receive(message(MessageLevel::printf, "b", 0));
  printer.receive(message(MessageLevel::printf, "c\nd\n", 1));
  printer.receive(message(MessageLevel::info, "e", 7));
  printer.dropped(5);
  EXPECT_EQ(lines.size(), 5u);
  EXPECT_EQ(lines[0], "thread (0, 0, 0): ab");
  EXPECT_EQ(lines[1], "thread (1, 0, 0): c");
  EXPECT_EQ(lines[2], "thread (1, 0, 0): d");
  EXPECT_EQ(lines[3], "thread (7, 0, 0): info: e");
  EXPECT_NE(lines[4].find("5 more messages"), std::string::npos);
}

}  // namespace
}  // namespace anymetal::runtime
